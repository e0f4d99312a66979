"""Passkeys of an account: create, list, rename and remove them, and prove that the user has one."""

import secrets
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.domain import account_status, activity, security_notices
from authapp.domain.api_token_rules import NAME_CHARACTERS, parse_name
from authapp.domain.client import Client
from authapp.domain.factors import (
    lost_factors,
    passkey_challenges,
    passkeys,
    remembered_devices,
    second_factors,
)
from authapp.domain.factors.passkey_challenges import Binding
from authapp.domain.factors.passkey_providers import PROVIDERS
from authapp.domain.factors.passkeys import VerifiedAnswer
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.domain.sessions import Identity
from authapp.errors import InputRefused, LimitReached, NotFound, PasskeyCopied
from authapp.models import Activity, Passkey, User, db
from authapp.models.transaction import transaction
from authapp.security.passkey_answers import NewPasskey
from authapp.security.passkey_options import ask_for_new_passkey
from authapp.services.second_factors import (
    Codes,
    new_codes_for_first,
    require_factor_left,
    store_codes_for_first,
)

MOST: Final = 20
"""Largest number of passkeys per account."""

_WARNINGS: Final = Limit("passkey_warnings", most=1, within=timedelta(days=1))


class New(NamedTuple):
    """A verified new passkey, its transports and name, and recovery codes for a first factor."""

    made: NewPasskey
    transports: str
    name: str
    codes: Codes


def list_passkeys(user_id: UUID) -> list[Passkey]:
    """Return an account's passkeys, oldest first."""
    return passkeys.list_all(user_id)


def get_passkey(user_id: UUID, id: UUID) -> Passkey:
    """Return a passkey of an account; raises NotFound for any other."""
    passkey = db.session.get(Passkey, id)
    if passkey is None or passkey.user_id != user_id:
        raise NotFound("no such passkey")
    return passkey


def accepted(user_id: UUID) -> tuple[bytes, list[bytes]] | None:
    """Return the account's handle and the ids of its passkeys, for authenticators that sync."""
    handle = db.session.get_one(User, user_id).passkey_handle
    if handle is None:
        return None
    return handle, [each.credential_id for each in passkeys.list_usable(user_id)]


def begin(user_id: UUID, *, browser: str) -> dict[str, Any]:
    """Return the options with which the browser creates a passkey.

    `browser` is the browser's secret. Raises LimitReached if the account has MOST passkeys, and
    NotFound if SECOND_FACTOR is off.
    """
    with transaction():
        return ask_for_new(account_status.require_active(user_id), browser=browser)


def ask_for_new(user: User, *, browser: str) -> dict[str, Any]:
    """Return what `begin` returns, in the caller's transaction, which has locked the account."""
    if not second_factors.is_offered():
        raise NotFound("SECOND_FACTOR is off")
    existing = passkeys.list_all(user.id)
    _require_room(existing)
    user.passkey_handle = user.passkey_handle or secrets.token_bytes(passkeys.HANDLE_BYTES)
    return ask_for_new_passkey(
        passkeys.site(),
        passkey_challenges.issue(_enrollment(user.id, browser)),
        user_handle=user.passkey_handle,
        user_name=user.email,
        known=[passkeys.known_to_browser(each) for each in existing],
    )


def add(
    user_id: UUID, answer: str, *, browser: str, default_name: str, client: Client
) -> list[str]:
    """Add the passkey that the browser created.

    From now on, sign-in asks for a second factor. Returns ten recovery codes, or none if the
    account already has a second factor. `default_name` is its name if its provider is unknown.
    Raises InputRefused for an answer that is malformed, too late or repeated; LimitReached; and
    Conflict.
    """
    new = check_new(user_id, answer, browser=browser, default_name=default_name)
    with transaction():
        store(account_status.require_active(user_id), new, client=client)
    return new.codes.texts


def check_new(user_id: UUID, answer: str, *, browser: str, default_name: str) -> New:
    """Verify a new passkey, and generate recovery codes: hashing them is slow.

    Raises InputRefused for an answer that is malformed, too late or repeated.
    """
    made, transports = passkeys.read_new(answer, _enrollment(user_id, browser))
    name = parse_name(PROVIDERS.get(made.provider, default_name[:NAME_CHARACTERS]))
    return New(made, transports, name, new_codes_for_first(user_id))


def store(user: User, new: New, *, client: Client) -> None:
    """Add a passkey in the caller's transaction, which has locked the account."""
    store_codes_for_first(user.id, new.codes)
    _require_room(passkeys.list_all(user.id))
    lost_factors.cancel_and_note(user.id, client)
    remembered_devices.forget(user.id)
    activity.note(user.id, Activity.PASSKEY_ADDED, client, name=new.name)
    security_notices.send(user, "passkey_added", client=client, name=new.name)
    # The passkey must be newer than the link in the email, which makes it useless.
    db.session.flush()
    db.session.add(_row(user.id, new))
    try:
        db.session.flush()
    except IntegrityError as error:
        raise InputRefused("passkey", "exists") from error


def rename(user_id: UUID, id: UUID, name: str) -> None:
    """Rename a passkey; raises InputRefused or NotFound."""
    parsed_name = parse_name(name)
    with transaction():
        account_status.require_active(user_id)
        get_passkey(user_id, id).name = parsed_name


def remove(user_id: UUID, id: UUID, *, client: Client) -> None:
    """Remove a passkey, and the recovery codes if it was the last second factor.

    Raises NotFound, and NotAllowed if its owner needs a second factor.
    """
    with transaction():
        user = account_status.require_active(user_id)
        passkey = get_passkey(user_id, id)
        name = passkey.name
        db.session.delete(passkey)
        db.session.flush()
        second_factors.remove_useless(user_id)
        require_factor_left(user_id)
        remembered_devices.forget(user_id)
        still_on = second_factors.is_enrolled(user_id)
        if not still_on:
            lost_factors.cancel_and_note(user_id, client)
        activity.note(user_id, Activity.PASSKEY_REMOVED, client, name=name)
        security_notices.send(user, "passkey_removed", client=client, name=name, still_on=still_on)


def begin_check(identity: Identity, *, browser: str) -> dict[str, Any]:
    """Return the options with which the browser asks a signed-in user for a passkey."""
    binding = _confirmation(identity, browser)
    return passkeys.ask(binding, user_id=identity.user_id, verifies_user=True)


def check(identity: Identity, answer: str, *, browser: str, client: Client) -> VerifiedAnswer:
    """Verify the answer to `begin_check`, before a transaction that calls `passkeys.claim`.

    Raises InputRefused, CredentialsRefused and TooManyAttempts.
    """
    binding = _confirmation(identity, browser)
    try:
        return passkeys.check(answer, binding, client=client, user_id=identity.user_id)
    except PasskeyCopied as copied:
        tell_of_copy(copied, client)
        raise


def tell_of_copy(copied: PasskeyCopied, client: Client) -> None:
    """Record the use of a copied passkey, and tell the owner once a day."""
    tells_owner = rate_limits.allows(_WARNINGS, str(copied.passkey_id))
    with transaction():
        passkey = db.session.get(Passkey, copied.passkey_id)
        user = db.session.get(User, copied.user_id)
        if passkey is None or user is None:
            return
        activity.note_failure(
            f"copied {copied.passkey_id}", copied.user_id, Activity.PASSKEY_COPIED, client
        )
        if tells_owner:
            link = f"{current_settings().deployment.public_url}/account/passkeys"
            security_notices.send(
                user, "passkey_copied", client=client, name=passkey.name, passkeys_link=link
            )


def _enrollment(user_id: UUID, browser: str) -> Binding:
    return Binding(f"enroll {user_id}", browser)


def _confirmation(identity: Identity, browser: str) -> Binding:
    return Binding(f"confirm {identity.session_id}", browser)


def _require_room(existing: list[Passkey]) -> None:
    if len(existing) >= MOST:
        raise LimitReached(MOST)


def _row(user_id: UUID, new: New) -> Passkey:
    return Passkey(
        user_id=user_id,
        credential_id=new.made.credential_id,
        public_key=new.made.public_key,
        sign_count=new.made.sign_count,
        transports=new.transports,
        name=new.name,
        created_at=clock.now(),
    )
