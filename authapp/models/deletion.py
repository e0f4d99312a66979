"""Deleting people: their cached rows go first and noted, so that no copy of one outlives them.

The database would take those rows along by itself (ON DELETE CASCADE) and tell nobody. So there is
one way to delete a person, and the session refuses any other.
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
    """Delete a person with every row of theirs, in the caller's transaction.

    Tells whether there was such a person.
    """
    # Whoever is adding a row of theirs right now is waited for, and whoever comes later is refused.
    locked = select(User.id).where(User.id == user_id).with_for_update()
    if db.session.scalar(locked) is None:
        return False
    for model in _models_of_people():
        delete_where(model, model.user_id == user_id)
        for owner in _owners(model, user_id):
            note_owner(model, *owner)
    db.session.execute(delete(User).where(User.id == user_id), execution_options={NOTED: True})
    return True


def _models_of_people() -> list[Any]:
    """Return the cached models whose rows the database deletes along with a person."""
    return [
        model
        for model in CachedRow.__subclasses__()
        if any(key.column.table is table_of(User) for key in table_of(model).foreign_keys)
    ]


def _owners(model: type[CachedRow], user_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Yield the owners of the lists that a person may have; an empty list is cached as well."""
    if "type" not in model.owner_columns:
        yield (user_id,)
        return
    for type in VerificationType:
        yield (user_id, type)


@event.listens_for(db.session, "do_orm_execute")
def _refuse_statements(state: ORMExecuteState) -> None:
    mapper = state.bind_mapper if state.is_delete else None
    if mapper is not None and mapper.class_ is User and not state.execution_options.get(NOTED):
        _refuse()


@event.listens_for(db.session, "before_flush")
def _refuse_objects(session: Session, _context: object, _instances: object) -> None:
    if any(isinstance(row, User) for row in session.deleted):
        _refuse()


def _refuse() -> None:
    raise RuntimeError("a person's tokens are cached: delete people with models.delete_user")
