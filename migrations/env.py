"""Run the migrations on the application's own database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from authapp.models.base import OUTAGES
from authapp.models.postgresql import lift_limits

db = current_app.extensions["migrate"].db


def run_on(connection: Connection) -> None:
    """Run the pending migrations; SQLite alters a table by copying it (batch mode)."""
    options: dict[str, Any] = dict(current_app.extensions["migrate"].configure_args)
    options.setdefault("render_as_batch", connection.dialect.name == "sqlite")
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_server_default=True,
        transaction_per_migration=True,
        **options,
    )
    with context.begin_transaction():
        context.run_migrations()


@contextmanager
def without_foreign_keys(connection: Connection) -> Iterator[None]:
    """Keep SQLite from deleting the rows that refer to a table while batch mode replaces it."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.commit()
    yield
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.commit()


def connect() -> Connection:
    """Connect to the database; Flask-Migrate reports a CommandError in one line."""
    try:
        return db.engine.connect()
    except OUTAGES as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).splitlines()[0]
        raise CommandError(f"the database is not available ({reason})") from error


def run_as_sql() -> None:
    """Print the SQL instead of running it (`flask db upgrade --sql`)."""
    url = db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_as_sql()
else:
    with connect() as engine_connection, without_foreign_keys(engine_connection):
        if db.engine.dialect.name == "postgresql":
            lift_limits(engine_connection)
        run_on(engine_connection)
