"""Which cached rows a transaction changes, recorded in one place for every kind of write.

Objects are recorded when the session flushes them. Conditional UPDATEs and DELETEs must use
`update_where`, `update_and_read`, `run_update` or `delete_where`; the session rejects any other.
The token cache reads the recorded changes just before COMMIT.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Row, delete, event, update
from sqlalchemy.orm import (
    InstrumentedAttribute,
    ORMExecuteState,
    Session,
    SessionTransaction,
)
from sqlalchemy.sql.dml import ReturningDelete, ReturningUpdate

from authapp.models.base import db

_CHANGED_ROWS = "changed_rows"
_WRITTEN_ROWS = "written_rows"
NOTED = "changes_are_noted"
"""Execution option of a statement whose changes the caller records."""


@dataclass(frozen=True)
class ChangedRow:
    """One cached row that a transaction inserts, updates or deletes.

    `owner` holds the values of the owner columns, which say whose list the row is in. If `id` is
    None, only the list changes. If `has_expired`, the row expired too long ago to be in any cache.
    """

    table: str
    id: UUID | None
    owner: tuple[Any, ...]
    has_expired: bool = False


class CachedRow:
    """Mixin for every model whose rows are cached."""

    __tablename__: Any
    id: Any
    owner_columns: ClassVar[tuple[str, ...]] = ()

    def as_change(self) -> ChangedRow:
        owner = tuple(getattr(self, name) for name in self.owner_columns)
        return ChangedRow(self.__tablename__, self.id, owner)


def changed_rows(session: Session) -> set[ChangedRow]:
    """Return the rows that the session's transaction has changed; the caller may clear the set."""
    return cast(set[ChangedRow], session.info.setdefault(_CHANGED_ROWS, set()))


def written_rows(session: Session) -> dict[tuple[str, UUID], Row[Any]]:
    """Return rows as `run_update` wrote them, by table and id, if nothing changed them since."""
    return cast(dict[tuple[str, UUID], Row[Any]], session.info.setdefault(_WRITTEN_ROWS, {}))


def forget_changes(session: Session) -> None:
    """Forget what a transaction changed, after its end."""
    changed_rows(session).clear()
    written_rows(session).clear()


def update_where(
    model: type[CachedRow], *conditions: ColumnElement[bool], **values: Any
) -> list[UUID]:
    """UPDATE the cached rows that match conditions, and return their ids.

    Use it to claim what may happen only once: of several concurrent claims, one gets the row.
    """
    return [row[0] for row in _run(model, _update(model, conditions, values))]


def update_and_read(
    model: type[CachedRow],
    column: InstrumentedAttribute[Any],
    *conditions: ColumnElement[bool],
    **values: Any,
) -> list[Any]:
    """UPDATE the cached rows that match conditions, and return another column of them."""
    statement = _update(model, conditions, values).returning(column)
    return [row[-1] for row in _run(model, statement)]


def run_update(
    model: type[CachedRow], statement: ReturningUpdate[Any], parameters: Mapping[str, Any]
) -> Sequence[Row[Any]]:
    """Run an UPDATE of cached rows that was built once, and return the rows that it returns.

    Use it instead of `update_where` where the time to build a statement matters. It must return
    the columns of the cached record, in their order: the commit does not read the row again.
    """
    db.session.flush()
    rows = db.session.connection().execute(statement, parameters).all()
    db.session.expire_all()
    table = model.__tablename__
    _record(
        db.session(),
        (
            ChangedRow(table, row.id, tuple(getattr(row, each) for each in model.owner_columns))
            for row in rows
        ),
    )
    written_rows(db.session()).update({(table, row.id): row for row in rows})
    return rows


def delete_where(
    model: type[CachedRow], *conditions: ColumnElement[bool], have_expired: bool = False
) -> list[UUID]:
    """DELETE the cached rows that match conditions, and return their ids.

    Pass `have_expired` if all of them expired so long ago that no cache has a copy.
    """
    statement = delete(model).where(*conditions).returning(*_key(model))
    return [row[0] for row in _run(model, statement, have_expired=have_expired)]


def note_owner(model: type[CachedRow], *owner: Any) -> None:
    """Record that an owner's list changes, even if none of their rows does."""
    _record(db.session(), [ChangedRow(model.__tablename__, None, owner)])


def _update(
    model: type[CachedRow], conditions: Sequence[ColumnElement[bool]], values: Mapping[str, Any]
) -> ReturningUpdate[Any]:
    return update(model).where(*conditions).values(**values).returning(*_key(model))


def _run(
    model: type[CachedRow],
    statement: ReturningUpdate[Any] | ReturningDelete[Any],
    *,
    have_expired: bool = False,
) -> Sequence[Row[Any]]:
    """Run a statement that returns the key first, record what it changed, and return its rows."""
    options = {NOTED: True, "synchronize_session": False}
    db.session.flush()
    rows = db.session.execute(statement, execution_options=options).all()
    # Objects loaded earlier must not hide what the statement wrote.
    db.session.expire_all()
    end = len(_key(model))
    _record(
        db.session(),
        (
            ChangedRow(model.__tablename__, row[0], tuple(row[1:end]), has_expired=have_expired)
            for row in rows
        ),
    )
    return rows


def _key(model: type[CachedRow]) -> list[InstrumentedAttribute[Any]]:
    return [getattr(model, name) for name in ("id", *model.owner_columns)]


def _record(session: Session, changes: Iterable[ChangedRow]) -> None:
    for change in changes:
        changed_rows(session).add(change)
        if change.id is not None:
            written_rows(session).pop((change.table, change.id), None)


@event.listens_for(db.session, "after_flush")
def _record_objects(session: Session, _context: object) -> None:
    rows = (*session.new, *session.dirty, *session.deleted)
    _record(session, (row.as_change() for row in rows if isinstance(row, CachedRow)))


@event.listens_for(db.session, "after_soft_rollback")
def _forget_written_rows(session: Session, _transaction: SessionTransaction) -> None:
    """After the rollback of a savepoint, rows are as they were before it."""
    written_rows(session).clear()


@event.listens_for(db.session, "do_orm_execute")
def _reject_unrecorded_writes(state: ORMExecuteState) -> None:
    writes = state.is_insert or state.is_update or state.is_delete
    if not writes or state.execution_options.get(NOTED):
        return
    mapper = state.bind_mapper
    if mapper is not None and issubclass(mapper.class_, CachedRow):
        raise RuntimeError(
            f"{mapper.class_.__name__} is cached: change it as an object, or with update_where or "
            "delete_where"
        )
