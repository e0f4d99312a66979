"""When API tokens were last used: noted in memory, written in the background, cached nowhere.

A use costs a lock and no round trip. Each process writes a token's latest use at most once a
minute; a process that is killed loses what it had not written yet, one that is stopped does not.
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

log = logging.getLogger(__name__)

WRITE_AFTER: Final = timedelta(minutes=1)
MOST: Final = 20_000
"""Tokens whose use may wait to be written; beyond it the oldest notes are let go."""

BATCH: Final = 500


@dataclass(frozen=True)
class Use:
    """When and from which address a token was used."""

    at: datetime
    address: str


class TokenUses:
    """The uses that wait to be written; a timer that only runs while there are any writes them."""

    def __init__(self, settings: Settings) -> None:
        # Opened for each writing: once a minute is too seldom to keep a connection for.
        self._engine = create_engine(
            settings.database_url,
            poolclass=NullPool,
            connect_args=engine_options(settings)["connect_args"],
        )
        if self._engine.dialect.name == "sqlite":
            open_sqlite(self._engine)
        self._lock = threading.Lock()
        self._waiting: dict[UUID, Use] = {}
        self._timer: threading.Timer | None = None

    def note(self, token_id: UUID, address: str) -> None:
        """Remember that a token was used just now."""
        with self._lock:
            # The latest use goes last, so that the oldest are the first to be let go.
            self._waiting.pop(token_id, None)
            self._wait({token_id: Use(clock.now(), address)})

    def write(self) -> None:
        """Write what waits; a database that is away gets it the next time."""
        with self._lock:
            uses, self._waiting, self._timer = self._waiting, {}, None
        # In one order everywhere, so that two processes cannot deadlock.
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
            with self._lock:
                newer, self._waiting = self._waiting, uses
                self._wait(newer)

    def close(self) -> None:
        """Write what waits, now, and stop the timer."""
        with self._lock:
            timer = self._timer
        if timer is not None:
            timer.cancel()
            self.write()

    def _wait(self, uses: dict[UUID, Use]) -> None:
        self._waiting.update(uses)
        while len(self._waiting) > MOST:
            del self._waiting[next(iter(self._waiting))]
        if self._timer is None:
            self._timer = threading.Timer(WRITE_AFTER.total_seconds(), self.write)
            self._timer.daemon = True
            self._timer.start()


_uses = table_of(TokenUse)
_tokens = table_of(Token)


def _addition(dialect: str) -> "sqlite.Insert | postgresql.Insert":
    """Write one token's use, unless the token is gone or another process wrote a later one."""
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
