"""Deleting rows that have been over for a while, a little at a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, or_, select

from authapp import clock
from authapp.delivery import outbox
from authapp.models import ActivityEvent, RefreshToken, Token, VerificationToken, db
from authapp.models.changes import delete_where
from authapp.services import attempts

KEPT: Final = timedelta(days=30)
"""How long a row that is over stays, so that its owner can be told why it stopped working."""

ACTIVITY_KEPT: Final = timedelta(days=400)
"""A year and a month: whoever looks once a year still finds what happened since."""

BATCH: Final = 500
_MODELS: Final[tuple[type[Any], ...]] = (VerificationToken, RefreshToken, Token)


def purge() -> Iterator[int]:
    """Delete what is over, a batch a transaction; yields how many each batch had."""
    before = clock.now() - KEPT
    for model in _MODELS:
        while ids := _first(model.id, _is_over(model, before)):
            delete_where(model, model.id.in_(ids))
            db.session.commit()
            yield len(ids)
    while ids := _first(ActivityEvent.id, ActivityEvent.created_at < clock.now() - ACTIVITY_KEPT):
        db.session.execute(delete(ActivityEvent).where(ActivityEvent.id.in_(ids)))
        db.session.commit()
        yield len(ids)
    while number := outbox.delete_older(before, BATCH):
        yield number
    while number := attempts.forget_spent(BATCH):
        yield number


def _is_over(model: type[Any], before: datetime) -> ColumnElement[bool]:
    is_too_old: ColumnElement[bool] = model.expires_at < before
    # One that never expires is over once it was revoked.
    return or_(is_too_old, Token.revoked_at < before) if model is Token else is_too_old


def _first(id: Any, condition: Any) -> list[Any]:
    return list(db.session.scalars(select(id).where(condition).limit(BATCH)))
