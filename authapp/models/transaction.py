"""One explicit transaction per use case."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from authapp.models.base import db

_OPEN: Final = "use_case_is_open"


@contextmanager
def transaction() -> Iterator[None]:
    """Commit at the end of the block; roll back on any exception.

    Raises RuntimeError inside another such block, because it would commit the outer one's work.
    """
    session = db.session()
    if session.info.get(_OPEN):
        raise RuntimeError("transaction() blocks cannot be nested")
    session.info[_OPEN] = True
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        del session.info[_OPEN]


def release_connection() -> None:
    """Return the session's connection to the pool, so that the caller can use one of its own.

    A request that holds one connection while it waits for another can deadlock. Raises
    RuntimeError inside `transaction()`, whose work would be lost.
    """
    session = db.session()
    if session.info.get(_OPEN):
        raise RuntimeError("a connection in use by a transaction cannot be released")
    session.rollback()
