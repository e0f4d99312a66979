"""Asking the database what it knows of the cache, without waiting for one that does not respond."""

import threading
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from authapp.models.outage import database_outage
from authapp.token_cache.coherence import tombstones
from authapp.token_cache.coherence.database import CacheDatabase, State
from authapp.token_cache.coherence.tombstones import Tombstones
from authapp.token_cache.redis.client import NotTrusted

MISSED_CHANGES_UNKNOWN: Final = "the changes it missed cannot be read from the database"

_PATIENCE_AFTER_OUTAGE_SECONDS: Final = 0.02
"""How long to wait for a database that did not answer the last time, before trusting Redis."""


class StateQuery:
    """Reads the state and new tombstones; one caller at a time."""

    def __init__(
        self, database: CacheDatabase, tombstones: Tombstones, patience_seconds: float
    ) -> None:
        self._database = database
        self._tombstones = tombstones
        self._patience_seconds = patience_seconds
        self._thread: threading.Thread | None = None
        self._database_was_away = False

    def ask(self) -> State | None:
        """Return the state, or None if the database does not respond soon.

        The query runs in a thread, so that a database that hangs does not block reads from Redis.
        """
        if self._thread is not None and self._thread.is_alive():
            return None
        answer: list[State] = []
        self._thread = threading.Thread(target=self._run, args=(answer,), daemon=True)
        self._thread.start()
        self._thread.join(
            _PATIENCE_AFTER_OUTAGE_SECONDS if self._database_was_away else self._patience_seconds
        )
        return answer[0] if answer else None

    def ask_in_epoch(self, epoch: int) -> State | None:
        """Return the state; in another epoch than this one, read the tombstones from the start.

        Raises NotTrusted if the database does not respond to that.
        """
        state = self.ask()
        if state is None or epoch in (0, state.epoch):
            return state
        self._tombstones.restart()
        state = self.ask()
        if state is None:
            raise NotTrusted(MISSED_CHANGES_UNKNOWN)
        return state

    def close(self) -> None:
        """Wait for a query that is running."""
        if self._thread is not None:
            self._thread.join(self._patience_seconds)

    def _run(self, answer: list[State]) -> None:
        try:
            self._read_tombstones()
            answer.append(self._database.state())
            self._database_was_away = False
        except SQLAlchemyError as error:
            database_outage.note(error)
            self._database_was_away = True

    def _read_tombstones(self) -> None:
        """Read the tombstones that were added since the last query.

        This must come before reading the state: another process may be about to begin a new epoch
        in place of tombstones, which it then deletes.
        """
        known = self._tombstones
        found = self._database.tombstones(after=known.settled, most=tombstones.MOST + 1)
        known.add(found)
