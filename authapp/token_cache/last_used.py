"""When API tokens were last used: recorded in memory, written in the background, never cached.

Recording a use takes a lock but no round trip. About once a minute, one of the processes writes a
token's latest use. A process that is killed loses its unwritten uses; one that stops writes them.
"""

import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy import Dialect, Executable, NullPool, String, bindparam, create_engine, select
from sqlalchemy.exc import SQLAlchemyError

from authapp import clock
from authapp.config import Settings
from authapp.models import Token, TokenUse
from authapp.models.base import engine_options, insert_into, prepare_engine, table_of
from authapp.models.outage import database_outage
from authapp.token_cache.backend import TokenCacheBackend

log = structlog.get_logger(__name__)

WRITE_AFTER: Final = timedelta(minutes=1)
TURN: Final = timedelta(seconds=50)
"""Shorter than WRITE_AFTER, so that a process may write again when its timer fires."""

MOST: Final = 20_000
"""Maximum number of tokens with an unwritten use; beyond it, the oldest uses are dropped."""

BATCH: Final = 500


@dataclass(frozen=True)
class Use:
    """When and from which address a token was used."""

    at: datetime
    address: str


class LastUsed:
    """Uses that are not written yet; the timer that writes them runs only while there are any."""

    def __init__(self, settings: Settings, backend: TokenCacheBackend) -> None:
        self._backend = backend
        # Connects for each write: one write a minute does not justify an open connection.
        self._engine = create_engine(
            settings.database.url,
            poolclass=NullPool,
            connect_args=engine_options(settings)["connect_args"],
        )
        prepare_engine(self._engine, settings)
        self._lock = threading.Lock()
        self._waiting: dict[UUID, Use] = {}
        self._timer: threading.Timer | None = None
        self._is_closed = False

    def note(self, token_id: UUID, address: str) -> None:
        """Record that a token was used now."""
        with self._lock:
            # The latest use goes last, so that the oldest are dropped first.
            self._waiting.pop(token_id, None)
            self._waiting[token_id] = Use(clock.now(), address)
            if self._timer is None or len(self._waiting) > MOST:
                self._trim_and_schedule()

    def write(self) -> None:
        """Write the uses of the tokens that are this process's turn, and keep the others."""
        uses = self._take()
        mine = {id: use for id, use in uses.items() if self._is_my_turn(id)}
        self._put_back({id: use for id, use in uses.items() if id not in mine})
        self._store(mine)

    def close(self) -> None:
        """Stop the timer permanently, and write all unwritten uses now."""
        with self._lock:
            timer, self._is_closed = self._timer, True
        if timer is not None:
            timer.cancel()
            self._store(self._take())

    def _take(self) -> dict[UUID, Use]:
        with self._lock:
            uses, self._waiting, self._timer = self._waiting, {}, None
        return uses

    def _put_back(self, uses: dict[UUID, Use]) -> None:
        if uses:
            with self._lock:
                self._waiting = {**uses, **self._waiting}
                self._trim_and_schedule()

    def _is_my_turn(self, id: UUID) -> bool:
        """Return whether no process has written this token's use within the last TURN.

        Without Redis, every process writes, and the database keeps the latest use.
        """
        turn = f"token_use:{id}"
        return self._backend.set_nx(turn, True, TURN) or not self._backend.exists(turn)

    def _store(self, uses: dict[UUID, Use]) -> None:
        """Write uses to the database; if that fails, keep them for the next write."""
        # All processes use the same order, which prevents deadlocks.
        rows = [
            {"token": id, "at": uses[id].at, "address": uses[id].address} for id in sorted(uses)
        ]
        try:
            for start in range(0, len(rows), BATCH):
                with self._engine.begin() as connection:
                    upsert = _upsert(connection.dialect)
                    connection.execute(upsert, rows[start : start + BATCH])
        except SQLAlchemyError as error:
            database_outage.note(error)
            log.debug("token_uses_not_stored", error=type(error).__name__)
            self._put_back(uses)

    def _trim_and_schedule(self) -> None:
        """Drop the oldest uses beyond MOST, and start the timer if it is not running."""
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
        if self._timer is None and not self._is_closed:
            self._timer = threading.Timer(WRITE_AFTER.total_seconds(), self.write)
            self._timer.daemon = True
            self._timer.start()


_uses = table_of(TokenUse)
_tokens = table_of(Token)


def _upsert(dialect: Dialect) -> Executable:
    """Return the statement that writes a token's use, unless it was deleted or used later."""
    times = _uses.c.last_used_at.type
    used = select(
        _tokens.c.id, bindparam("at", type_=times), bindparam("address", type_=String())
    ).where(_tokens.c.id == bindparam("token"))
    upsert = insert_into(_uses, dialect).from_select(list(_uses.c.keys()), used)
    later = upsert.excluded
    return upsert.on_conflict_do_update(
        index_elements=["token_id"],
        set_={"last_used_at": later.last_used_at, "last_used_address": later.last_used_address},
        where=_uses.c.last_used_at < later.last_used_at,
    )
