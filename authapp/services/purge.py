"""Deleting rows that have been over for a while, a little at a time."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from authapp import clock
from authapp.models import RefreshToken, Token, VerificationToken, db
from authapp.models.changes import delete_where

KEPT: Final = timedelta(days=30)
"""How long an expired row stays, so that its owner can be told why it stopped working."""

BATCH: Final = 500
_MODELS: Final[tuple[type[Any], ...]] = (VerificationToken, RefreshToken, Token)


def purge() -> Iterator[int]:
    """Delete expired rows, a batch a transaction; yields how many each batch had."""
    before = clock.now() - KEPT
    for model in _MODELS:
        while ids := _expired(model, before):
            delete_where(model, model.id.in_(ids))
            db.session.commit()
            yield len(ids)


def _expired(model: type[Any], before: Any) -> list[Any]:
    over = select(model.id).where(model.expires_at < before).limit(BATCH)
    return list(db.session.scalars(over))
