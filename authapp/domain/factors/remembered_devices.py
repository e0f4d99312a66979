"""Devices on which a sign-in needs no second factor for REMEMBER_DEVICE_LIFETIME.

A device has a secret for each account that signed in there. It is worth nothing without that
account's password, and nothing at all for other accounts. Everything here runs in the caller's
transaction; rows are never cached, and deleting one is enough to forget the device.
"""

from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import InstrumentedAttribute

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity
from authapp.domain.client import Client
from authapp.models import Activity, RememberedDevice, db
from authapp.models.lookups import has_row
from authapp.security.opaque_tokens import (
    IdAndSecret,
    digest,
    make_link_token,
    matches,
    new_secret,
    parse_link_token,
)
from authapp.token_cache.records import RefreshTokenRecord

MOST: Final = 20
"""Maximum number of devices of one account; a new one replaces the one unused for longest."""

MOST_ON_A_DEVICE: Final = 8
"""Maximum number of accounts on one device, so that its cookie stays small."""

_SEPARATOR: Final = "~"
_LONGEST: Final = 1000


def is_offered() -> bool:
    """Return whether users can have devices remembered."""
    return bool(current_settings().accounts.remember_device_lifetime)


def find(user_id: UUID, value: str) -> RememberedDevice | None:
    """Return the account's device that has this value, if it is still remembered."""
    return next(iter(_matching(user_id, value, _is_current())), None)


def note_use(device: RememberedDevice, session: RefreshTokenRecord) -> None:
    """Record that a session was begun without a second factor."""
    device.session_id, device.last_used_at = session.id, clock.now()
    device.last_used_address, device.user_agent = session.last_used_address, session.user_agent


def remember(session: RefreshTokenRecord, value: str, *, client: Client) -> str:
    """Remember the device on which a session was begun, and return its new value.

    `value` is what the device has: its secrets for other accounts are kept. The new value is empty
    if users cannot have devices remembered.
    """
    if not is_offered():
        return ""
    activity.note(session.user_id, Activity.DEVICE_REMEMBERED, client)
    secret = new_secret()
    device = RememberedDevice(
        id=uuid4(),
        user_id=session.user_id,
        digest=digest(secret),
        session_id=session.id,
        user_agent=client.user_agent,
        last_used_address=client.address,
    )
    replaced = {each.id for each in _matching(session.user_id, value)}
    others = [each for each in _parse(value) if each.id not in replaced]
    forget(session.user_id, RememberedDevice.id.in_(replaced))
    _make_room(session.user_id)
    db.session.add(device)
    kept = [IdAndSecret(device.id, secret), *others][:MOST_ON_A_DEVICE]
    return _SEPARATOR.join(make_link_token(each.id, each.secret) for each in kept)


def list_of(user_id: UUID) -> list[RememberedDevice]:
    """Return an account's devices, the latest used one first."""
    owned = RememberedDevice.user_id == user_id, _is_current()
    latest = RememberedDevice.last_used_at.desc()
    return list(db.session.scalars(select(RememberedDevice).where(*owned).order_by(latest)))


def belongs_to(user_id: InstrumentedAttribute[UUID]) -> ColumnElement[bool]:
    """Return the condition that an account has a device, for a query of accounts."""
    return has_row(RememberedDevice.id, RememberedDevice.user_id == user_id)


def forget(user_id: UUID, *which: ColumnElement[bool]) -> int:
    """Forget the account's devices that meet all conditions, or all; return how many."""
    forgotten = delete(RememberedDevice).where(RememberedDevice.user_id == user_id, *which)
    return len(db.session.execute(forgotten.returning(RememberedDevice.id)).all())


def delete_expired(most: int) -> int:
    """Delete up to `most` devices that are no longer remembered, and return how many."""
    expired = select(RememberedDevice.id).where(~_is_current()).limit(most)
    deletion = delete(RememberedDevice).where(RememberedDevice.id.in_(expired))
    return len(db.session.execute(deletion.returning(RememberedDevice.id)).all())


def _matching(
    user_id: UUID, value: str, *conditions: ColumnElement[bool]
) -> list[RememberedDevice]:
    """Return the account's devices whose secrets are in a value."""
    secrets = {each.id: each.secret for each in _parse(value)}
    if not secrets:
        return []
    owned = RememberedDevice.user_id == user_id, RememberedDevice.id.in_(secrets), *conditions
    found = db.session.scalars(select(RememberedDevice).where(*owned))
    return [each for each in found if matches(secrets[each.id], each.digest)]


def _make_room(user_id: UUID) -> None:
    for device in list_of(user_id)[MOST - 1 :]:
        db.session.delete(device)


def _is_current() -> ColumnElement[bool]:
    # A shorter lifetime applies to devices that are remembered already.
    lifetime = current_settings().accounts.remember_device_lifetime
    return RememberedDevice.created_at > clock.now() - lifetime


def _parse(value: str) -> list[IdAndSecret]:
    parts = value.split(_SEPARATOR, MOST_ON_A_DEVICE) if len(value) <= _LONGEST else []
    return [each for part in parts if (each := parse_link_token(part)) is not None]
