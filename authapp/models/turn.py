"""Work that one process at a time may do, however long it takes; its turn ends if it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from sqlalchemy import NullPool, create_engine, func, select

from authapp.config import current_settings
from authapp.errors import Conflict
from authapp.models.base import db, engine_options, prepare_engine


class Work(IntEnum):
    """What needs a turn; the numbers are keys of PostgreSQL's advisory locks."""

    PURGE_AUDIT_LOG = 7_203_001


class HasTurn(Conflict):
    """Another process, or another thread, does the same work now."""


@contextmanager
def turn(work: Work) -> Iterator[None]:
    """Hold the turn; raises HasTurn if another process has it."""
    is_file = db.engine.dialect.name == "sqlite"
    with _file_lock(work) if is_file else _advisory_lock(work):
        yield


@contextmanager
def _file_lock(work: Work) -> Iterator[None]:
    """Lock a file beside the database: SQLite would lose its own locks if that one was closed."""
    database = str(db.engine.url.database)
    file = os.open(f"{database}-{work.name.lower()}", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.geteuid() == 0:
            # The service's own user has to open it later.
            owner = Path(database).stat()
            os.fchown(file, owner.st_uid, owner.st_gid)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HasTurn("the same is being done already") from error
        yield
    finally:
        os.close(file)


@contextmanager
def _advisory_lock(work: Work) -> Iterator[None]:
    """Lock a number in PostgreSQL, until a connection that is not one of the pool's is closed."""
    settings = current_settings()
    arguments = engine_options(settings)["connect_args"]
    engine = create_engine(settings.database.url, poolclass=NullPool, connect_args=arguments)
    prepare_engine(engine, settings)
    # A transaction that is open for minutes would be ended.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(select(func.pg_try_advisory_lock(int(work)))):
            raise HasTurn("the same is being done already")
        yield
