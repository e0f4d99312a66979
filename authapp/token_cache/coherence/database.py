"""The cache's own access to the database: rows to load, the journal, tombstones and the epoch.

It has its own connections, so that a request that already holds one never waits for itself. The
number of loaders limits how many requests query the database at once when Redis is cold or not
available.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    create_engine,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from authapp import clock
from authapp.config import Settings
from authapp.errors import Unavailable
from authapp.models import CacheJournal, CacheState, CacheTombstone
from authapp.models.base import OUTAGES, engine_options, prepare_engine, table_of
from authapp.models.database_slots import DatabaseSlots, SlottedPool
from authapp.token_cache.coherence.tombstones import Tombstone
from authapp.token_cache.records import Kind, R, Record

REPLAY_BATCH: Final = 500
# SQLite allows one writer: a request that is writing must not wait here for itself.
HOUSEKEEPING_WAIT_SECONDS: Final = 0.1
_CLOCK_DIFFERENCE: Final = timedelta(minutes=10)

_journal = table_of(CacheJournal)
_state = table_of(CacheState)
_tombstones = table_of(CacheTombstone)


class State(NamedTuple):
    """The cache's state in the database."""

    epoch: int
    servers: str
    mark: int
    journal_waits: bool


class JournalEntry(NamedTuple):
    """A key whose change could not be sent to Redis."""

    id: int
    key: str


class CacheDatabase:
    """Queries in autocommit mode, so that each read sees what is committed when it begins."""

    def __init__(self, settings: Settings, slots: DatabaseSlots) -> None:
        self._loaders = _engine(
            settings, pool_size=settings.cache.loaders, poolclass=SlottedPool, slots=slots
        )
        self.housekeeping = _engine(
            settings, pool_size=1, sqlite_wait_seconds=HOUSEKEEPING_WAIT_SECONDS
        )

    def close(self) -> None:
        """Close every connection."""
        self._loaders.dispose()
        self.housekeeping.dispose()

    def load(self, wanted: Sequence[tuple[Kind[Any], Sequence[UUID]]]) -> dict[str, Record]:
        """Return the committed rows with these ids of each kind, as records by their keys.

        Raises Unavailable if the database does not respond or no connection is free in time.
        """
        with self._loader() as connection:
            return {
                kind.key(row.id): kind.from_row(row)
                for kind, ids in wanted
                for row in connection.execute(*kind.selecting(ids))
            }

    def list_ids(self, kind: Kind[R], owner: Sequence[Any]) -> list[UUID]:
        """Return the ids that belong in an owner's list, oldest first."""
        listed = _owned_ids(kind, owner).where(kind.listed(clock.now()))
        with self._loader() as connection:
            ordered = listed.order_by(kind.table.c.created_at, kind.table.c.id)
            return list(connection.scalars(ordered))

    def state(self) -> State:
        """Return the epoch, its servers, the mark, and whether the journal has entries."""
        waits = exists(select(_journal.c.id)).label("journal_waits")
        found = select(_state.c.epoch, _state.c.servers, _state.c.mark, waits)
        with self.housekeeping.connect() as connection:
            row = connection.execute(found).one()
            return State(row.epoch, row.servers, row.mark, bool(row.journal_waits))

    def advance_mark(self, seen: int, mark: int) -> bool:
        """Set a later mark, unless another worker has since `seen`; return whether it is set."""
        changing = update(_state).where(_state.c.mark == seen).values(mark=mark)
        with self.housekeeping.begin() as connection:
            return bool(connection.execute(changing).rowcount)

    def accept(self, seen: State, mark: int) -> bool:
        """Begin a new epoch with a later mark, unless the state has changed; return whether it did.

        The mark says that this database is the current one, even if Redis knew a newer one.
        """
        is_unchanged = (_state.c.epoch == seen.epoch, _state.c.mark == seen.mark)
        changing = update(_state).where(*is_unchanged).values(epoch=_next(seen.epoch), mark=mark)
        with self.housekeeping.begin() as connection:
            return bool(connection.execute(changing).rowcount)

    def raise_epoch(self, seen: int, servers: str | None = None) -> None:
        """Begin a new epoch, unless another process has begun one since epoch `seen`.

        Epochs are seconds since 1970, or more if they are raised faster: after an older database
        was restored, a new epoch is later than all that the newer one ever had.
        """
        values: dict[str, Any] = {"epoch": _next(seen)}
        if servers is not None:
            values["servers"] = servers
        with self.housekeeping.begin() as connection:
            connection.execute(update(_state).where(_state.c.epoch == seen).values(**values))

    def journal(self) -> list[JournalEntry]:
        """Return the oldest entries of the journal, at most one batch."""
        batch = select(_journal.c.id, _journal.c.key).order_by(_journal.c.id).limit(REPLAY_BATCH)
        with self.housekeeping.connect() as connection:
            return [JournalEntry(row.id, row.key) for row in connection.execute(batch)]

    def add_to_journal(self, keys: Sequence[str]) -> None:
        """Journal keys outside the transaction that changed them."""
        with self._loaders.begin() as connection:
            write_journal(connection, keys)

    def ids_of(self, kind: Kind[R], owner: Sequence[Any]) -> list[UUID]:
        """Return the ids of all of an owner's rows, including those that are no longer listed."""
        with self._loader() as connection:
            return list(connection.scalars(_owned_ids(kind, owner)))

    def journal_depth(self) -> int:
        """Return the number of entries in the journal."""
        with self.housekeeping.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(_journal)) or 0)

    def forget_journal(self, ids: Sequence[int]) -> None:
        """Delete journal entries that were replayed."""
        with self.housekeeping.begin() as connection:
            connection.execute(delete(_journal).where(_journal.c.id.in_(ids)))

    def tombstones(self, *, after: int, most: int) -> list[Tombstone]:
        """Return up to `most` unexpired tombstones with an id above `after`, in order of id."""
        found = (
            select(*(_tombstones.c[name] for name in Tombstone._fields))
            .where(_tombstones.c.id > after, _tombstones.c.expires_at > clock.now())
            .order_by(_tombstones.c.id)
            .limit(most)
        )
        with self.housekeeping.connect() as connection:
            return [Tombstone(*row) for row in connection.execute(found)]

    def forget_tombstones(self, *, up_to: int) -> None:
        """Delete the tombstones up to an id, which a new epoch has replaced."""
        with self.housekeeping.begin() as connection:
            connection.execute(delete(_tombstones).where(_tombstones.c.id <= up_to))

    def forget_expired_tombstones(self, most: int) -> int:
        """Delete up to `most` expired tombstones, and return how many were deleted."""
        expired = select(_tombstones.c.id).where(_tombstones.c.expires_at < clock.now())
        with self.housekeeping.begin() as connection:
            deletion = delete(_tombstones).where(_tombstones.c.id.in_(expired.limit(most)))
            return connection.execute(deletion).rowcount

    @contextmanager
    def _loader(self) -> Iterator[Connection]:
        try:
            with self._loaders.connect() as connection:
                yield connection
        except OUTAGES as error:
            raise Unavailable from error


def write_journal(session: Any, keys: Sequence[str]) -> None:
    """Journal keys in the caller's transaction."""
    session.execute(insert(_journal), [{"key": key, "created_at": clock.now()} for key in keys])


def write_tombstones(session: Any, ended: Mapping[str, timedelta]) -> None:
    """Add tombstones in the caller's transaction; `ended` maps keys to their kind's duration."""
    now = clock.now()
    rows = [
        {"key": key, "created_at": now, "expires_at": now + duration + _CLOCK_DIFFERENCE}
        for key, duration in ended.items()
    ]
    session.execute(insert(_tombstones), rows)


def _next(epoch: int) -> int:
    return max(epoch + 1, int(clock.now().timestamp()))


def _owned_ids(kind: Kind[Any], owner: Sequence[Any]) -> Select[tuple[UUID]]:
    owned = zip(kind.owner_columns, owner, strict=True)
    return select(kind.table.c.id).where(*(kind.table.c[name] == value for name, value in owned))


def _engine(settings: Settings, *, sqlite_wait_seconds: float | None = None, **pool: Any) -> Engine:
    options = engine_options(settings)
    if sqlite_wait_seconds is not None and "timeout" in options["connect_args"]:
        options["connect_args"]["timeout"] = sqlite_wait_seconds
    options.update(pool, isolation_level="AUTOCOMMIT")
    engine = create_engine(settings.database.url, **options)
    prepare_engine(engine, settings)
    return engine
