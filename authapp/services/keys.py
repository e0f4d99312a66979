"""Signing keys: staged before they sign, retired before they go, revoked at once."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.errors import Conflict, NotFound, Unavailable
from authapp.models import JWTKey, KeyState, RefreshToken, db
from authapp.models.changes import delete_where, update_where
from authapp.security import jwt, keyring
from authapp.services import jwks_fetches, key_encryption
from authapp.token_cache import token_cache
from authapp.token_cache.records import JWTKeyRecord, is_active

SIGNING_SLACK: Final = timedelta(minutes=1)
"""For a token that was being signed at the moment its key was retired."""

_SOMEBODY_ELSE: Final = "somebody else is changing the keys; list them and try again"


def list_keys() -> list[JWTKey]:
    """Return every key, oldest first, revoked ones included."""
    return list(db.session.scalars(select(JWTKey).order_by(JWTKey.created_at)))


def published() -> list[JWTKeyRecord]:
    """Return the keys whose public halves other programs may verify with."""
    return token_cache.get_active_jwt_keys()


def verifies(key: JWTKeyRecord) -> bool:
    """Return whether a token that this key signed may be trusted."""
    return is_active(key) and key.state in (KeyState.ACTIVE, KeyState.RETIRED)


@dataclass(frozen=True)
class Signer:
    """The active key, opened: signing with it reads no store."""

    kid: str
    algorithm: str
    private_der: bytes

    def sign(self, claims: jwt.AccessClaims) -> str:
        settings = current_settings()
        return jwt.sign(
            claims,
            key=keyring.parse_private(self.private_der),
            kid=self.kid,
            algorithm=self.algorithm,
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
        )


def signer() -> Signer:
    """Return the active key, ready to sign; raises Unavailable where there is none."""
    active = [key for key in token_cache.get_active_jwt_keys() if key.state == KeyState.ACTIVE]
    if not active:
        raise Unavailable
    key = active[0]
    return Signer(key.kid, key.algorithm, key_encryption.private_half(key.kid))


def ensure_active() -> None:
    """Make the first keys where there are none; several processes may try at once."""
    if _in_state(KeyState.ACTIVE) is not None:
        return
    # Nobody has fetched any key yet, so nobody needs to be waited for.
    with suppress(Conflict):
        rotate(force=True)


def stage() -> str:
    """Publish the next key, which does not sign yet, and return its kid.

    Raises Conflict if one is staged already.
    """
    if _in_state(KeyState.NEXT) is not None:
        raise Conflict("a next key is staged already")
    kid = _add(KeyState.NEXT).kid
    db.session.commit()
    return kid


def rotate(*, force: bool = False) -> str:
    """Let the staged key sign, retire the active one, stage another; return the new active kid.

    Tokens that the retired key signed verify until the last of them has expired. Raises Conflict,
    unless forced, while a program may not know the staged key yet.
    """
    now, next_key = clock.now(), _in_state(KeyState.NEXT)
    if not force:
        _require_known(next_key, now)
    next_key = next_key or _add(KeyState.NEXT)
    _retire_active(now)
    _promote(next_key.id, now)
    _add(KeyState.NEXT)
    kid = next_key.kid
    db.session.commit()
    return kid


def is_due(age: timedelta) -> bool:
    """Tell whether the active key has signed for at least so long."""
    active = _in_state(KeyState.ACTIVE)
    if active is None or active.activated_at is None:
        return True
    return clock.now() - active.activated_at >= age


def revoke(kid: str) -> None:
    """Trust a key no more, from the next request on; another takes over at once if it signed.

    Raises NotFound for a kid that is not ours, Conflict for one that is revoked already.
    """
    key = next((key for key in list_keys() if key.kid == kid), None)
    if key is None:
        raise NotFound(f"no key has the kid {kid!a}")
    if key.state == KeyState.REVOKED:
        raise Conflict(f"the key {kid} is revoked already")
    now, was_active = clock.now(), key.state == KeyState.ACTIVE
    update_where(JWTKey, JWTKey.id == key.id, state=KeyState.REVOKED, revoked_at=now)
    successor = _in_state(KeyState.NEXT) or _add(KeyState.NEXT)
    if was_active:
        _promote(successor.id, now)
        _add(KeyState.NEXT)
    db.session.commit()


def prune() -> list[str]:
    """Delete the keys that can verify nothing any more and return their kids."""
    now = clock.now()
    gone = [key for key in list_keys() if key.state == KeyState.REVOKED or _is_over(key, now)]
    kids = [key.kid for key in gone]
    delete_where(JWTKey, JWTKey.kid.in_(kids))
    db.session.commit()
    return kids


def live_sessions(key: JWTKey) -> int:
    """Count the sessions whose latest access token this key signed, where that still verifies.

    A session's latest token was signed at `rotated_at`, by the key that was active then; so no
    token needs to be written down for this.
    """
    if key.activated_at is None or key.state == KeyState.REVOKED:
        return 0
    now = clock.now()
    latest = select(func.count()).where(
        RefreshToken.rotated_at >= key.activated_at,
        RefreshToken.rotated_at < (key.retired_at or now + SIGNING_SLACK),
        RefreshToken.rotated_at > now - current_settings().access_token_lifetime,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
    )
    return db.session.scalar(latest) or 0


def _require_known(next_key: JWTKey | None, now: datetime) -> None:
    """Refuse a key that some program, by what it may keep or has fetched, does not know yet."""
    if next_key is None:
        raise Conflict("no next key is published yet: stage one first, or force it")
    wait = next_key.created_at + current_settings().jwks_max_age - now
    if wait > timedelta():
        seconds = int(wait.total_seconds()) + 1
        raise Conflict(
            f"the next key is too new: other programs may keep the older ones for {seconds} s"
            " more; wait, or force it"
        )
    unaware = jwks_fetches.unaware_of(next_key.kid)
    if unaware:
        names = ", ".join(f"{each.consumer} at {each.address}" for each in unaware)
        raise Conflict(f"not fetched yet by {names}; wait for them, or force it")


def _is_over(key: JWTKey, now: datetime) -> bool:
    return key.expires_at is not None and key.expires_at <= now


def _in_state(state: KeyState) -> JWTKey | None:
    return db.session.scalars(select(JWTKey).where(JWTKey.state == state)).one_or_none()


def _add(state: KeyState) -> JWTKey:
    pair = keyring.generate(current_settings().jwt_algorithm)
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
        db.session.rollback()
        raise Conflict(_SOMEBODY_ELSE) from error
    return key


def _retire_active(now: datetime) -> None:
    """Retire the active key; it verifies for as long as a token that it signed may live."""
    update_where(
        JWTKey,
        JWTKey.state == KeyState.ACTIVE,
        state=KeyState.RETIRED,
        retired_at=now,
        expires_at=now + current_settings().access_token_lifetime + SIGNING_SLACK,
    )


def _promote(id: UUID, now: datetime) -> None:
    """Make the staged key the active one; the loser of a race changes nothing."""
    won = update_where(
        JWTKey,
        JWTKey.id == id,
        JWTKey.state == KeyState.NEXT,
        state=KeyState.ACTIVE,
        activated_at=now,
    )
    if not won:
        db.session.rollback()
        raise Conflict(_SOMEBODY_ELSE)
