"""When Redis may be believed: the breaker, the journal's replay and the epoch behind one gate.

Redis is believed for a moment only (CACHE_TRUST) after a check that began at its start. The check
asks the database whether a change is journaled that Redis was not told of, and replays it first;
and it asks Redis whether it is still the same server, and raises the epoch if not. A writer that
had to journal waits that moment out before it reports success, so whoever reads after the report
has checked after the commit. docs/coherence.md has the proof.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from authapp.config import Settings
from authapp.token_cache import counters, keys, scripts
from authapp.token_cache.breaker import Breaker
from authapp.token_cache.counters import Counters
from authapp.token_cache.database import CacheDatabase, State
from authapp.token_cache.wire import NotBelieved, RedisAway, Step, Wire

log = logging.getLogger(__name__)

_PATIENCE: Final = 3
"""How many timeouts of Redis are waited for a check by somebody else, or for the database."""

_LOOKS: Final = 2


class Ticket(NamedTuple):
    """Leave to believe Redis: the epoch to open values in, and how many connections were checked.

    A later connection may lead to another server; `Gate.confirms` sees to that.
    """

    epoch: int = 0
    connections: int = 0


class Gate:
    """Stands between this process and Redis."""

    def __init__(
        self, wire: Wire, database: CacheDatabase, tally: Counters, settings: Settings
    ) -> None:
        self.trust_seconds = settings.cache_trust.total_seconds()
        self.breaker = Breaker(self._probe)
        self._wire = wire
        self._database = database
        self._tally = tally
        self._patience_seconds = _PATIENCE * settings.cache_timeout.total_seconds()
        self._checking = threading.Lock()
        self._asking: threading.Thread | None = None
        self._ticket = Ticket()
        self._servers = ""
        self._checked_at = self._believed_until = 0.0
        self._database_was_away = False
        self.doubt = "it was not asked yet"
        """Why Redis is not believed, where it is not."""

    @property
    def epoch(self) -> int | None:
        """The epoch to seal values in; None until the first check has told it."""
        return self._ticket.epoch or None

    def enter(self) -> Ticket | None:
        """Return leave to believe Redis, or None when it must not be asked or believed."""
        if self.breaker.is_open:
            return None
        entered, left = time.monotonic(), self._seconds_left()
        if left < self.trust_seconds / 2:
            # Ahead of time whoever comes first checks; too late everybody waits for a check.
            self._check_in_turn(wait=left <= 0)
        # A check that took long is still good for whoever was there before it began.
        is_believed = self._seconds_left() > 0 or self._checked_at >= entered
        return self._ticket if is_believed and self._believed_until else None

    def confirms(self, ticket: Ticket) -> bool:
        """Tell whether what was answered since a ticket was given came from servers that we know.

        After a failure, or over connections made meanwhile, it may have come from others: then
        they are checked once more, and must be of the ticket's epoch.
        """
        made = self._wire.connections
        if made > ticket.connections or not self._believed_until:
            if self.breaker.is_open:
                return False
            self._check_in_turn(made, wait=True)
        known = self._ticket
        is_believed = self._believed_until > 0 and known.connections >= made
        return is_believed and known.epoch == ticket.epoch

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count how talking to Redis went; after a failure it is checked before it is believed."""
        try:
            yield
        except NotBelieved:
            raise
        except RedisAway as error:
            self._believed_until = 0.0
            self.breaker.failed(error)
            raise
        self.breaker.succeeded()

    def distrust(self) -> None:
        """Check Redis before it is believed again."""
        self._believed_until = 0.0

    def close(self) -> None:
        """Ask nobody anything any more: the application goes."""
        self.breaker.stop()
        if self._asking is not None:
            self._asking.join(self._patience_seconds)

    def check(self) -> None:
        """Make sure that Redis is the server we know and was told of every change.

        Raises RedisAway when it cannot be made sure of.
        """
        began = time.monotonic()
        was_believed, epoch = self._believed_until > 0, self._ticket.epoch
        state = self._ask_database()
        servers, connections = self._look_for(state.servers if state else self._servers)
        if state is None and not (was_believed and servers == self._servers):
            raise NotBelieved("it was away, and the database cannot tell what it missed")
        if state is not None:
            try:
                epoch = self._settle_state(state, servers)
            except SQLAlchemyError as error:
                raise NotBelieved("the database cannot tell what it missed") from error
        self._servers, self._ticket = servers, Ticket(epoch, connections)
        self._checked_at, self._believed_until = began, began + self.trust_seconds

    def _seconds_left(self) -> float:
        return self._believed_until - time.monotonic()

    def _check_in_turn(self, connections: int = 0, *, wait: bool) -> None:
        """Check, unless somebody did meanwhile and knew as many connections."""
        if not self._checking.acquire(timeout=self._patience_seconds if wait else 0):
            return
        try:
            is_fresh = self._seconds_left() > self.trust_seconds / 2
            if not is_fresh or self._ticket.connections < connections:
                with self.watch():
                    self.check()
        except RedisAway as error:
            self.doubt = str(error)
        finally:
            self._checking.release()

    def _probe(self) -> bool:
        try:
            with self._checking:
                self.check()
        except RedisAway as error:
            self.doubt = str(error)
            return False
        return True

    def _look_for(self, expected: str) -> tuple[str, int]:
        """Look at the servers; at unexpected ones a second time, over other connections.

        It may be us who hold on to a server that is no primary any more.
        """
        servers, connections = self._look()
        if expected in ("", servers):
            return servers, connections
        self._wire.reconnect()
        return self._look()

    def _look(self) -> tuple[str, int]:
        """Return the servers' fingerprint, and how many connections had been made before.

        The first look makes a connection of its own, hence the second.
        """
        for _ in range(_LOOKS):
            connections = self._wire.connections
            servers = self._wire.servers()
            if connections == self._wire.connections:
                break
        return servers, connections

    def _settle_state(self, state: State, servers: str) -> int:
        """Raise the epoch for another server, replay the journal, and return the epoch to use."""
        if state.servers != servers:
            if state.servers:
                log.warning("Redis is another server than before: older entries open no more")
            self._database.raise_epoch(state.epoch, servers)
            state = self._database.state()
            if state.servers != servers:
                raise NotBelieved("another process sees other servers")
        if state.journal_waits:
            self.replay()
        return state.epoch

    def replay(self) -> int:
        """Tell Redis of every journaled change, and return how many there were."""
        replayed = 0
        while entries := self._database.journal():
            self._wire.run([Step(scripts.INVALIDATE, entry.key) for entry in entries])
            self._database.forget_journal([entry.id for entry in entries])
            for entry in entries:
                self._tally.count(counters.REPLAY, keys.family(entry.key))
            replayed += len(entries)
        return replayed

    def _ask_database(self) -> State | None:
        """Return the state, or None when the database does not answer soon.

        A thread asks, because a database that hangs must not hang what Redis can answer.
        """
        if self._asking is not None and self._asking.is_alive():
            return None
        answer: list[Any] = []
        self._asking = threading.Thread(target=self._ask, args=(answer,), daemon=True)
        self._asking.start()
        self._asking.join(self._patience_seconds)
        return answer[0] if answer else None

    def _ask(self, answer: list[Any]) -> None:
        try:
            answer.append(self._database.state())
            self._database_was_away = False
        except SQLAlchemyError as error:
            if not self._database_was_away:
                log.warning("the cache's state cannot be read: %s", type(error).__name__)
            self._database_was_away = True
