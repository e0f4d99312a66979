"""Signing keys as operators manage them: stage, rotate, revoke and prune."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import sealing as message_sealing
from authapp.delivery.webhooks import secrets as webhook_secrets
from authapp.domain import key_encryption
from authapp.domain.factors import authenticator_apps
from authapp.errors import Conflict, NotFound
from authapp.models import JWTKey, KeyState, RefreshToken, db, postgresql
from authapp.models.changes import delete_where, update_where
from authapp.models.transaction import transaction
from authapp.security import keyring
from authapp.services import audit_chain, jwks_fetches

SIGNING_SLACK: Final = timedelta(minutes=1)
"""Allows for a token that was being signed while its key was retired."""

_CHANGED: Final = "the keys were changed in the meantime; list them and try again"


def list_keys() -> list[JWTKey]:
    """Return every key, oldest first, revoked ones included."""
    return list(db.session.scalars(select(JWTKey).order_by(JWTKey.created_at)))


def ensure_active() -> bool:
    """Create the first keys if there are none, and return whether they were created.

    Several processes may try at once.
    """
    if _in_state(KeyState.ACTIVE) is not None:
        return False
    # No program has fetched a key yet, so there is no need to wait for one.
    with suppress(Conflict):
        rotate(force=True)
        return True
    return False


def stage() -> str:
    """Publish the next key, which does not sign yet, and return its kid.

    Raises Conflict if one is already staged.
    """
    if _in_state(KeyState.NEXT) is not None:
        raise Conflict("a next key is already staged")
    with transaction():
        return _add(KeyState.NEXT).kid


def rotate(*, force: bool = False) -> str:
    """Activate the staged key, retire the active one and stage another; return the active kid.

    Tokens that the retired key signed stay valid until they expire. Raises Conflict, unless
    forced, while a program may not know the staged key yet.
    """
    now, next_key = clock.now(), _in_state(KeyState.NEXT)
    if not force:
        _require_known(next_key, now)
    with transaction():
        next_key = next_key or _add(KeyState.NEXT)
        _retire_active(now)
        _promote(next_key.id, now)
        _add(KeyState.NEXT)
        return next_key.kid


def is_due(age: timedelta) -> bool:
    """Return whether the active key has been signing for at least `age`."""
    active = _in_state(KeyState.ACTIVE)
    if active is None or active.activated_at is None:
        return True
    return clock.now() - active.activated_at >= age


def revoke(kid: str) -> None:
    """Revoke a key, effective from the next request; if it was active, the next key replaces it.

    Raises NotFound for an unknown kid, and Conflict if the key is already revoked.
    """
    key = next((key for key in list_keys() if key.kid == kid), None)
    if key is None:
        raise NotFound(f"no key has the kid {kid!a}")
    if key.state == KeyState.REVOKED:
        raise Conflict(f"the key {kid} is already revoked")
    now, was_active = clock.now(), key.state == KeyState.ACTIVE
    with transaction():
        update_where(JWTKey, JWTKey.id == key.id, state=KeyState.REVOKED, revoked_at=now)
        successor = _in_state(KeyState.NEXT) or _add(KeyState.NEXT)
        if was_active:
            _promote(successor.id, now)
            _add(KeyState.NEXT)


def replace_all() -> None:
    """Revoke every key, effective from the next request, and begin with new ones."""
    now = clock.now()
    with transaction():
        update_where(
            JWTKey, JWTKey.state != KeyState.REVOKED, state=KeyState.REVOKED, revoked_at=now
        )
        _promote(_add(KeyState.NEXT).id, now)
        _add(KeyState.NEXT)


def prune() -> list[str]:
    """Delete the keys that can no longer verify any token, and return their kids."""
    now = clock.now()
    kids = [
        key.kid for key in list_keys() if key.state == KeyState.REVOKED or _is_expired(key, now)
    ]
    with transaction():
        delete_where(JWTKey, JWTKey.kid.in_(kids))
    return kids


def rewrap(*, force: bool = False) -> int:
    """Seal every private half under the first of KEY_ENCRYPTION_KEYS; return how many changed.

    The secrets of authenticator apps and of webhooks and the messages in the outbox are sealed
    again, too, and the codes of the audit log are replaced (`audit_chain.reseal`). Raises Conflict,
    and changes nothing, if any private half or secret cannot be decrypted, or, unless forced, while
    a process that is connected to PostgreSQL does not have the first key.
    """
    with transaction():
        changed = sum(key_encryption.reseal(key) for key in db.session.scalars(select(JWTKey)))
        authenticator_apps.reseal_all()
        # Endpoints are locked before their messages, as when one is removed.
        webhook_secrets.reseal_all()
        message_sealing.reseal_all()
        audit_chain.reseal()
        if not force:
            _require_first_key_everywhere()
    return changed


def _require_first_key_everywhere() -> None:
    """Raise Conflict if a process could not read what is sealed under the first key."""
    if db.engine.dialect.name != "postgresql":
        return
    first = current_settings().secrets.key_encryption_keys[0]
    lagging = postgresql.processes_without(first, db.session.connection())
    if lagging:
        raise Conflict(
            f"a process at {', '.join(lagging)} does not have the first of KEY_ENCRYPTION_KEYS yet:"
            " restart every process with it, or use --force"
        )


def live_sessions(key: JWTKey) -> int:
    """Return the number of sessions whose latest access token this key signed and still verifies.

    A session's latest token was signed at `rotated_at`, by the key that was active then, so issued
    tokens need not be stored.
    """
    if key.activated_at is None or key.state == KeyState.REVOKED:
        return 0
    now = clock.now()
    latest = select(func.count()).where(
        RefreshToken.rotated_at >= key.activated_at,
        RefreshToken.rotated_at < (key.retired_at or now + SIGNING_SLACK),
        RefreshToken.rotated_at > now - current_settings().tokens.access_token_lifetime,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
    )
    return db.session.scalar(latest) or 0


def _require_known(next_key: JWTKey | None, now: datetime) -> None:
    """Raise Conflict if another program may not know the key yet."""
    if next_key is None:
        raise Conflict("no next key is published yet: run `flask keys stage`, or use --force")
    wait = next_key.created_at + current_settings().tokens.jwks_max_age - now
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise Conflict(
            f"the next key is too new: other programs may cache the older ones for another"
            f" {seconds} s; wait, or use --force"
        )
    unaware = jwks_fetches.unaware_of(next_key.kid)
    if unaware:
        names = ", ".join(f"{each.consumer} at {each.address}" for each in unaware)
        raise Conflict(f"the next key was not fetched yet by {names}; wait, or use --force")


def _is_expired(key: JWTKey, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _in_state(state: KeyState) -> JWTKey | None:
    return db.session.scalars(select(JWTKey).where(JWTKey.state == state)).one_or_none()


def _add(state: KeyState) -> JWTKey:
    pair = keyring.generate(current_settings().tokens.jwt_algorithm)
    key = JWTKey(
        kid=pair.kid,
        algorithm=pair.algorithm,
        state=state,
        public_jwk=pair.public_jwk,
        private_sealed=key_encryption.seal(pair),
    )
    db.session.add(key)
    try:
        db.session.flush()
    except IntegrityError as error:
        raise Conflict(_CHANGED) from error
    return key


def _retire_active(now: datetime) -> None:
    """Retire the active key; it verifies until the last token that it signed has expired."""
    update_where(
        JWTKey,
        JWTKey.state == KeyState.ACTIVE,
        state=KeyState.RETIRED,
        retired_at=now,
        expires_at=now + current_settings().tokens.access_token_lifetime + SIGNING_SLACK,
    )


def _promote(id: UUID, now: datetime) -> None:
    """Activate the staged key; raises Conflict if another process has just done so."""
    won = update_where(
        JWTKey,
        JWTKey.id == id,
        JWTKey.state == KeyState.NEXT,
        state=KeyState.ACTIVE,
        activated_at=now,
    )
    if not won:
        raise Conflict(_CHANGED)
