"""The database: its extension object, its column types, and the options of its engines."""

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, cast
from uuid import UUID, uuid4

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, MetaData, Table, event
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry
from sqlalchemy.types import TypeDecorator, Uuid

from authapp.config import Settings

STATEMENT_TIMEOUT_SECONDS: Final = 10
"""Shorter than a fence's lifetime, so that no commit can happen after its fence expires."""


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
    """The extension, which skips the teardown of a session that was never used."""

    def _teardown_session(self, exc: BaseException | None) -> None:
        if self.session.registry.has():
            super()._teardown_session(exc)


db = Database(model_class=Model)

# A type checker cannot follow the base class that the extension creates.
if TYPE_CHECKING:
    Base = Model
else:
    Base = db.Model


def table_of(model: type[Any]) -> Table:
    """Return a model's table, for statements that create no objects."""
    return cast(Table, model.__table__)


def open_sqlite(engine: Engine) -> None:
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
    options: dict[str, Any] = {"pool_timeout": wait_seconds, "pool_pre_ping": False}
    if settings.database.url.startswith("sqlite"):
        return {**options, "connect_args": {"timeout": wait_seconds}}
    server_options = (
        f"-c statement_timeout={STATEMENT_TIMEOUT_SECONDS}s"
        f" -c idle_in_transaction_session_timeout={STATEMENT_TIMEOUT_SECONDS}s -c timezone=UTC"
    )
    connect_args = {"connect_timeout": max(2, wait_seconds), "options": server_options}
    return {**options, "connect_args": connect_args}
