"""Requests that a worker answers, so that no response depends on whether an account exists."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row, ScalarSelect, delete, select

from authapp.models import (
    EmailSignInRequest,
    PasswordResetRequest,
    SignInBlock,
    VerificationRequest,
    db,
)
from authapp.models.base import table_of
from authapp.models.transaction import release_connection

Queue = (
    type[EmailSignInRequest]
    | type[PasswordResetRequest]
    | type[SignInBlock]
    | type[VerificationRequest]
)


def find_oldest(queue: Queue) -> UUID | None:
    """Return the id of the request that has waited for longest; None if none waits.

    Call this before `claim_oldest`: a DELETE that finds no row would make SQLite's writers wait.
    """
    id: UUID | None = db.session.scalar(select(queue.id).order_by(queue.created_at).limit(1))
    release_connection()
    return id


def claim_oldest(queue: Queue) -> Row[Any] | None:
    """Claim the request that has waited for longest, like `claim`; skip those of other workers."""
    waiting = select(queue.id).order_by(queue.created_at)
    return claim(queue, waiting.limit(1).with_for_update(skip_locked=True).scalar_subquery())


def claim(queue: Queue, id: UUID | ScalarSelect[UUID]) -> Row[Any] | None:
    """Delete a request in the caller's transaction, and return its columns.

    Returns None if another worker was faster: no two of them answer the same request.
    """
    claimed = (
        delete(queue)
        .where(queue.id == id)
        .returning(*table_of(queue).columns)
        .execution_options(synchronize_session=False)
    )
    return db.session.execute(claimed).one_or_none()
