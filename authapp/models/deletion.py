"""Deleting users, after deleting their cached rows explicitly, so that no copy of a row remains.

ON DELETE CASCADE would delete these rows without the session noticing. `delete_user` is therefore
the only way to delete a user, and the session rejects any other.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import delete, event, select
from sqlalchemy.orm import ORMExecuteState, Session

from authapp.models.base import db, table_of
from authapp.models.changes import NOTED, CachedRow, delete_where, note_owner
from authapp.models.user import User
from authapp.models.verification_token import VerificationType


def delete_user(user_id: UUID) -> bool:
    """Delete a user and all of their rows, in the caller's transaction.

    Returns whether the user existed.
    """
    # Waits for transactions that are adding rows of this user, and makes later ones fail.
    locked = select(User.id).where(User.id == user_id).with_for_update()
    if db.session.scalar(locked) is None:
        return False
    for model in _models_of_users():
        delete_where(model, model.user_id == user_id)
        for owner in _owners(model, user_id):
            note_owner(model, *owner)
    db.session.execute(delete(User).where(User.id == user_id), execution_options={NOTED: True})
    return True


def _models_of_users() -> list[Any]:
    """Return the cached models whose rows the database deletes along with a user."""
    return [
        model
        for model in CachedRow.__subclasses__()
        if any(key.column.table is table_of(User) for key in table_of(model).foreign_keys)
    ]


def _owners(model: type[CachedRow], user_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Yield the owners of all lists that a user may have; empty lists are cached too."""
    if "type" not in model.owner_columns:
        yield (user_id,)
        return
    for type in VerificationType:
        yield (user_id, type)


@event.listens_for(db.session, "do_orm_execute")
def _reject_statements(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper if state.is_delete else None
    if mapper is not None and mapper.class_ is User and not state.execution_options.get(NOTED):
        _reject()


@event.listens_for(db.session, "before_flush")
def _reject_objects(session: Session, _context: object, _instances: object) -> None:
    if any(isinstance(row, User) for row in session.deleted):
        _reject()


def _reject() -> None:
    raise RuntimeError("a user's tokens are cached: delete users with models.delete_user")
