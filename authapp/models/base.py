"""The database: its extension object, its column types, and the options of its engines."""

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from uuid import UUID, uuid4

import structlog
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, MetaData, Table, event
from sqlalchemy.dialects import postgresql as postgresql_dialect
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry
from sqlalchemy.types import TypeDecorator, Uuid

from authapp.config import Settings
from authapp.models import postgresql

log = structlog.get_logger(__name__)

OUTAGES: Final = (
    OperationalError,
    InterfaceError,
    # PostgreSQL reports a timeout within a transaction, and a read-only server, as one of these.
    InternalError,
    PoolTimeout,
    # A statement after one that lost its connection.
    PendingRollbackError,
)
"""What SQLAlchemy raises while the database is unavailable, read-only, full or overloaded."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time that is aware and in UTC in Python, on both PostgreSQL and SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Model(DeclarativeBase):
    """The base class of every table; constraints have predictable names, for migrations."""

    registry = registry(
        type_annotation_map={datetime: UtcDateTime(), UUID: Uuid()},
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(table_name)s_%(column_0_N_name)s",
                "uq": "uq_%(table_name)s_%(column_0_N_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_N_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
    )


Id = Annotated[UUID, mapped_column(primary_key=True, default=uuid4)]


class Database(SQLAlchemy):
    """The extension; cleaning up a session is cheap if it was not used, and never fails."""

    def rollback(self) -> None:
        """Roll back the session; if the database does not answer, close its connection."""
        try:
            self.session.rollback()
        except OUTAGES:
            self.session().invalidate()

    def _teardown_session(self, exc: BaseException | None) -> None:
        if not self.session.registry.has():
            return
        try:
            super()._teardown_session(exc)
        except OUTAGES as error:
            log.warning("rollback_failed", error=type(error).__name__)
            self.session().invalidate()
            self.session.remove()


db = Database(model_class=Model)

# A type checker cannot follow the base class that the extension creates.
if TYPE_CHECKING:
    Base = Model
else:
    Base = db.Model


def table_of(model: type[Any]) -> Table:
    """Return a model's table, for statements that create no objects."""
    return cast(Table, model.__table__)


def insert_into(
    table: Table, dialect: Dialect
) -> postgresql_dialect.Insert | sqlite_dialect.Insert:
    """Return an INSERT that can have ON CONFLICT, for which each dialect has a class of its own."""
    if dialect.name == "postgresql":
        return postgresql_dialect.insert(table)
    return sqlite_dialect.insert(table)


def prepare_engine(engine: Engine, settings: Settings) -> None:
    """Set up the connections that an engine will open; call it before the first one."""
    if engine.dialect.name == "sqlite":
        _open_sqlite(engine)
    else:
        postgresql.prepare_engine(engine, settings)


def _open_sqlite(engine: Engine) -> None:
    """Make an SQLite engine enforce foreign keys, and allow reads during a write (WAL)."""

    @event.listens_for(engine, "connect")
    def _pragmas(connection: sqlite3.Connection, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the options for every engine of the application, which limit its waits."""
    wait_seconds = int(settings.database.timeout.total_seconds())
    options: dict[str, Any] = {"pool_timeout": wait_seconds, "max_overflow": 0}
    # The message of an error must not contain the values of rows: it is logged.
    options["hide_parameters"] = True
    if settings.database.url.startswith("sqlite"):
        return {**options, "connect_args": {"timeout": wait_seconds}}
    return {**options, "connect_args": postgresql.connect_args(settings)}
