"""Connections to PostgreSQL that give up if it does not answer.

Neither `statement_timeout` nor TCP's own timeouts help if the server is frozen or its disk hangs:
it does not enforce the former, and its kernel goes on acknowledging packets.
"""

import select
from typing import Any, Final

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DisconnectionError, OperationalError

from authapp.config import Settings
from authapp.security.sealing import key_name

IDLE_IN_TRANSACTION_SECONDS: Final = 10
"""Shorter than a fence's lifetime, so that no commit can happen after its fence expires."""

_GRACE_SECONDS: Final = 1.0
"""The server cancels a slow statement itself; this is how much longer the client waits for that."""

_LOCK_SECONDS: Final = 2
"""How long a migration may wait for a lock, and requests behind it."""

_KEEPALIVES: Final = {"keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3}


_NAME: Final = "authapp keys="
"""The beginning of `application_name`, in which each process says which keys it has."""

_MOST_KEYS: Final = 5
"""PostgreSQL cuts the name to 63 characters."""


class ImpatientConnection(psycopg.Connection[Any]):
    """A connection that is closed if the server does not answer within `answer_seconds`."""

    answer_seconds: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Run a step of the protocol; raises OperationalError if the server does not answer."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.pgconn.finish()
            raise psycopg.OperationalError("the database did not answer in time") from error


def connect_args(settings: Settings) -> dict[str, Any]:
    """Return the options of libpq, which limit how long a connection and a statement take."""
    statement_ms = int(settings.database.statement_timeout.total_seconds() * 1000)
    server_options = (
        f"-c statement_timeout={statement_ms} -c timezone=UTC"
        f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s"
    )
    return {
        # psycopg raises a shorter time to two seconds.
        "connect_timeout": max(2, int(settings.database.timeout.total_seconds())),
        "tcp_user_timeout": statement_ms,
        "application_name": _NAME + ",".join(_key_names(settings)),
        "options": server_options,
        **_KEEPALIVES,
    }


def processes_without(key: bytes, connection: Connection) -> list[str]:
    """Return the addresses of connected processes whose KEY_ENCRYPTION_KEYS lack a key."""
    query = text(
        "SELECT DISTINCT coalesce(host(client_addr), 'this host') FROM pg_stat_activity"
        " WHERE datname = current_database() AND starts_with(application_name, :name)"
        " AND strpos(application_name, :key) = 0"
    )
    found = connection.execute(query, {"name": _NAME, "key": key_name(key)})
    return sorted(found.scalars())


def _key_names(settings: Settings) -> list[str]:
    return [key_name(key) for key in settings.secrets.key_encryption_keys[:_MOST_KEYS]]


def prepare_engine(engine: Engine, settings: Settings) -> None:
    """Make an engine's connections impatient, and replace those that the server has closed."""
    answer_seconds = settings.database.statement_timeout.total_seconds() + _GRACE_SECONDS

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, args: Any, options: Any) -> ImpatientConnection:
        connection = ImpatientConnection.connect(*args, **options)
        connection.answer_seconds = answer_seconds
        return connection

    @event.listens_for(engine, "checkout")
    def _require_open(connection: ImpatientConnection, _record: Any, _proxy: Any) -> None:
        if _has_hung_up(connection):
            raise DisconnectionError("the server has closed an idle connection")


def _has_hung_up(connection: ImpatientConnection) -> bool:
    """Return whether an idle connection has something to read: the server has ended it."""
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def prepare_for_migrations(connection: Connection) -> None:
    """Allow a connection statements of any duration, but no long wait for a lock.

    A change of a table that waits for its lock, because of a backup for example, makes all requests
    that use the table wait behind it.
    """
    connection.execute(text("SET statement_timeout = 0"))
    connection.commit()
    raw = connection.connection.driver_connection
    if isinstance(raw, ImpatientConnection):
        raw.answer_seconds = None

    @event.listens_for(connection, "before_cursor_execute")
    def _limit(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        # No request waits for what builds an index beside them, and giving up loses its work.
        seconds = 0 if "CONCURRENTLY" in statement else _LOCK_SECONDS
        cursor.execute(f"SET lock_timeout = '{seconds}s'")


def is_lock_timeout(error: BaseException) -> bool:
    """Return whether a statement failed because it would have waited for a lock for too long."""
    return isinstance(error, OperationalError) and isinstance(
        error.orig, psycopg.errors.LockNotAvailable
    )
