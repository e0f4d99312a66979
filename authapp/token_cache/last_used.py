"""When API tokens were last used: noted in memory and written in the background, never cached.

A use costs a lock and no round trip. A token's latest use is written about once a minute, by one
of all processes; a process that is killed loses what it had not written yet, one that is stopped
does not.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import NullPool, String, bindparam, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from authapp import clock
from authapp.config import Settings
from authapp.models import Token, TokenUse
from authapp.models.base import engine_options, open_sqlite, table_of
from authapp.token_cache.backend import TokenCacheBackend

log = logging.getLogger(__name__)

WRITE_AFTER: Final = timedelta(minutes=1)
TURN: Final = timedelta(seconds=50)
"""Less than WRITE_AFTER, so that a process may write again when its timer runs out."""

MOST: Final = 20_000
"""Tokens whose use may wait to be written; beyond this the oldest notes are dropped."""

BATCH: Final = 500


@dataclass(frozen=True)
class Use:
    """When and from which address a token was used."""

    at: datetime
    address: str


class LastUsed:
    """The uses that wait to be written; a timer that runs only while there are any writes them."""

    def __init__(self, settings: Settings, backend: TokenCacheBackend) -> None:
        self._backend = backend
        # Opened for each write: once a minute is too rare to keep a connection for.
        self._engine = create_engine(
            settings.database.url,
            poolclass=NullPool,
            connect_args=engine_options(settings)["connect_args"],
        )
        if self._engine.dialect.name == "sqlite":
            open_sqlite(self._engine)
        self._lock = threading.Lock()
        self._waiting: dict[UUID, Use] = {}
        self._timer: threading.Timer | None = None

    def note(self, token_id: UUID, address: str) -> None:
        """Note that a token was used now."""
        with self._lock:
            # The latest use goes last, so that the oldest are dropped first.
            self._waiting.pop(token_id, None)
            self._waiting[token_id] = Use(clock.now(), address)
            if self._timer is None or len(self._waiting) > MOST:
                self._bound()

    def write(self) -> None:
        """Write the uses that it is this process's turn to write; the others wait."""
        uses = self._take()
        mine = {id: use for id, use in uses.items() if self._is_my_turn(id)}
        self._put_back({id: use for id, use in uses.items() if id not in mine})
        self._store(mine)

    def close(self) -> None:
        """Write all that waits, now, and stop the timer."""
        with self._lock:
            timer = self._timer
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
                self._bound()

    def _is_my_turn(self, id: UUID) -> bool:
        """Return whether no other process wrote this token's use in the last minute.

        Without Redis every process writes: the database keeps the latest.
        """
        turn = f"token_use:{id}"
        return self._backend.set_nx(turn, True, TURN) or not self._backend.exists(turn)

    def _store(self, uses: dict[UUID, Use]) -> None:
        """Store uses; if the database is away, they are kept for the next time."""
        # Every process uses the same order, so that no two deadlock.
        rows = [
            {"token": id, "at": uses[id].at, "address": uses[id].address} for id in sorted(uses)
        ]
        try:
            for start in range(0, len(rows), BATCH):
                with self._engine.begin() as connection:
                    addition = _addition(connection.dialect.name)
                    connection.execute(addition, rows[start : start + BATCH])
        except SQLAlchemyError as error:
            log.warning("uses of tokens could not be stored: %s", type(error).__name__)
            self._put_back(uses)

    def _bound(self) -> None:
        """Drop the oldest uses if there are too many, and have the others written in time."""
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
        if self._timer is None:
            self._timer = threading.Timer(WRITE_AFTER.total_seconds(), self.write)
            self._timer.daemon = True
            self._timer.start()


_uses = table_of(TokenUse)
_tokens = table_of(Token)


def _addition(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    """Write one token's use, unless the token was deleted or a later use is stored."""
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    times = _uses.c.last_used_at.type
    used = select(
        _tokens.c.id, bindparam("at", type_=times), bindparam("address", type_=String())
    ).where(_tokens.c.id == bindparam("token"))
    addition = insert(_uses).from_select(list(_uses.c.keys()), used)
    later = addition.excluded
    return addition.on_conflict_do_update(
        index_elements=["token_id"],
        set_={"last_used_at": later.last_used_at, "last_used_address": later.last_used_address},
        where=_uses.c.last_used_at < later.last_used_at,
    )
