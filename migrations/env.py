"""Run the migrations on the application's own database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import click
from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from authapp.models.base import OUTAGES
from authapp.models.postgresql import is_lock_timeout, prepare_for_migrations

db = current_app.extensions["migrate"].db

_MOST_ATTEMPTS: Final = 60
_PAUSE_SECONDS: Final = 3
"""In which the requests that have waited behind a migration are answered."""


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


@contextmanager
def with_limits(connection: Connection) -> Iterator[None]:
    """Apply the limits of migrations; the connection does not return to the pool with them."""
    if connection.dialect.name != "postgresql":
        yield
        return
    prepare_for_migrations(connection)
    try:
        yield
    finally:
        connection.invalidate()


def run_until_locked() -> bool:
    """Run the pending migrations; return False if other transactions use a table that changes.

    The migration that needed the table is rolled back, and can be run again.
    """
    with connect() as connection, without_foreign_keys(connection), with_limits(connection):
        try:
            run_on(connection)
        except DBAPIError as error:
            if not is_lock_timeout(error):
                raise
            return False
    return True


def run_patiently() -> None:
    """Run the pending migrations, again and again while transactions use the tables."""
    for _ in range(_MOST_ATTEMPTS):
        if run_until_locked():
            return
        click.echo("waiting for transactions that use a table, such as a backup", err=True)
        time.sleep(_PAUSE_SECONDS)
    raise CommandError("a table was in use all the time: end long transactions, then try again")


def run_as_sql() -> None:
    """Print the SQL instead of running it (`flask db upgrade --sql`)."""
    url = db.engine.url.render_as_string(hide_password=False)
    context.configure(url=url, target_metadata=db.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_as_sql()
else:
    run_patiently()
