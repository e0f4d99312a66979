"""Deleting old rows in small batches."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Exists, delete, exists, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.domain import account_status, audit
from authapp.domain.activity import KEPT as ACTIVITY_KEPT
from authapp.domain.factors import remembered_devices
from authapp.domain.limits import rate_limits
from authapp.errors import NotFound
from authapp.models import ActivityEvent, LostFactor, User, VerificationToken, db, delete_user
from authapp.models.base import table_of
from authapp.models.changes import CachedRow, delete_where
from authapp.models.transaction import transaction
from authapp.services import audit_purge
from authapp.token_cache import token_cache

KEPT: Final = timedelta(days=30)
"""Retention of expired and revoked rows, so that users can see why something stopped working."""

BATCH: Final = 500
FEW: Final = 50
# Signing keys belong to no user, and are deleted by `keys.prune`.
_MODELS: Final[list[type[Any]]] = [
    model for model in CachedRow.__subclasses__() if hasattr(model, "user_id")
]


def purge() -> Iterator[int]:
    """Delete old rows in batches, one transaction each; yields the size of each batch."""
    before = clock.now() - KEPT
    for model in _MODELS:
        while ids := _first(model.id, _has_ended(model, before)):
            with transaction():
                delete_where(model, model.id.in_(ids), have_expired=True)
            yield len(ids)
    while ids := _first(ActivityEvent.id, ActivityEvent.created_at < clock.now() - ACTIVITY_KEPT):
        with transaction():
            db.session.execute(delete(ActivityEvent).where(ActivityEvent.id.in_(ids)))
        yield len(ids)
    while number := _delete_unverified():
        yield number
    while ids := _first(LostFactor.user_id, LostFactor.expires_at < before):
        with transaction():
            db.session.execute(delete(LostFactor).where(LostFactor.user_id.in_(ids)))
        yield len(ids)
    while number := outbox.delete_older(before, BATCH):
        yield number
    while number := _forget_attempts():
        yield number
    while number := _delete_devices():
        yield number
    while number := token_cache.forget_expired_tombstones(BATCH):
        yield number
    # The last one, because an audit log that was altered ends it.
    yield from audit_purge.purge_due()


def _delete_unverified() -> int:
    """Delete accounts that never owned an address and have no link that could give them one."""
    before = clock.now() - current_settings().accounts.unverified_lifetime
    never_verified = User.email_verified_at.is_(None) & (User.created_at < before)
    found = select(User.id).where(never_verified, ~_has_link(User.id)).order_by(User.created_at)
    with transaction():
        # Locked in the order of their ids, which prevents deadlocks.
        ids = sorted(db.session.scalars(found.limit(FEW)))
        return sum(_delete_if_unverified(id) for id in ids)


def _delete_if_unverified(user_id: UUID) -> bool:
    """Lock and delete an account, unless a link has verified it, or was sent, in the meantime."""
    try:
        user = account_status.lock(user_id)
    except NotFound:
        return False
    if user.email_verified_at is not None or db.session.scalar(select(_has_link(user_id))):
        return False
    audit.record("account_deleted", account_id=user_id)
    return delete_user(user_id)


def _has_link(user_id: Any) -> Exists:
    return exists().where(
        VerificationToken.user_id == user_id,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
        VerificationToken.expires_at > clock.now(),
    )


def _forget_attempts() -> int:
    with transaction():
        return rate_limits.forget_spent(BATCH)


def _delete_devices() -> int:
    with transaction():
        return remembered_devices.delete_expired(BATCH)


def _has_ended(model: type[Any], before: datetime) -> ColumnElement[bool]:
    is_too_old: ColumnElement[bool] = model.expires_at < before
    # A row that never expires ends when it is revoked.
    may_never_expire = table_of(model).c.expires_at.nullable
    return or_(is_too_old, model.revoked_at < before) if may_never_expire else is_too_old


def _first(id: Any, condition: Any) -> list[Any]:
    return list(db.session.scalars(select(id).where(condition).limit(BATCH)))
