"""The writer's half of the protocol: every commit fences what it changes, and settles it after.

Nothing here is called by a service. The session's own events do it, from the notes that
`models.changes` keeps, so that no writer can forget.
"""

import logging
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import current_app
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from authapp.models import db
from authapp.models.changes import ChangedRow, changed_rows
from authapp.token_cache import counters, keys
from authapp.token_cache.counters import Counters
from authapp.token_cache.database import CacheDatabase, write_journal
from authapp.token_cache.entries import Entry, ListEntry, RowEntry
from authapp.token_cache.protocol import Protocol, new_id
from authapp.token_cache.records import KINDS
from authapp.token_cache.unknown import UnknownKeys
from authapp.token_cache.wire import RedisAway

log = logging.getLogger(__name__)

_UNIT: Final = "token_cache_unit"


@dataclass
class Unit:
    """One transaction's changes: what each key will hold once it is committed."""

    values: dict[str, tuple[Entry, Any] | None]
    new_keys: list[str]
    changes_existing: bool
    writer: bytes = field(default_factory=new_id)
    is_fenced: bool = False
    reports_after: float = 0.0


class Writer:
    """Fences, settles and journals the transactions of one application."""

    def __init__(
        self,
        protocol: Protocol | None,
        database: CacheDatabase,
        unknown: UnknownKeys,
        tally: Counters,
    ) -> None:
        self._protocol = protocol
        self._database = database
        self._unknown = unknown
        self._tally = tally

    def before_commit(self, session: Session) -> Unit | None:
        """Fence what the transaction changes; journal it where Redis cannot be told."""
        changes = changed_rows(session)
        if not changes:
            return None
        unit = _unit(session, changes)
        if self._protocol is not None:
            try:
                self._protocol.fence(unit.writer, list(unit.values))
                unit.is_fenced = True
            except RedisAway as away:
                log.debug("changes are journaled: %s", away)
                self._journal(session, unit)
        return unit

    def after_commit(self, unit: Unit) -> None:
        """Settle what was fenced, with the rows as they were committed.

        Where that cannot be said, the fences may be gone as well, for the server may be another by
        now: then the keys are journaled after all.
        """
        for key in unit.new_keys:
            self._unknown.forget(key)
        if unit.is_fenced and not self._settle(unit.writer, unit.values):
            unit.is_fenced = False
            self._journal_late(list(unit.values))
        if self._protocol is not None and not unit.is_fenced and unit.changes_existing:
            unit.reports_after = time.monotonic() + self._protocol.gate.trust_seconds

    def after_rollback(self, unit: Unit, error: BaseException | None) -> None:
        """Settle what was fenced, with nothing.

        When the connection broke, the COMMIT may still land: then the fences stand until their
        time runs out.
        """
        is_known = not (isinstance(error, DBAPIError) and error.connection_invalidated)
        if unit.is_fenced and is_known:
            self._settle(unit.writer, dict.fromkeys(unit.values))

    def invalidate(self, invalidated: Sequence[str]) -> None:
        """Remove entries now or, if Redis is away, before Redis is believed again."""
        if self._protocol is None or not invalidated:
            return
        for key in invalidated:
            self._unknown.forget(key)
        try:
            self._protocol.enter()
            self._protocol.invalidate(invalidated)
        except RedisAway:
            self._database.add_to_journal(invalidated)
            threading.Event().wait(self._protocol.gate.trust_seconds)

    def invalidate_pattern(self, pattern: str) -> int:
        """Remove the entries that match a glob; if Redis is away, every entry loses its epoch."""
        if self._protocol is None:
            return 0
        seen = 0
        try:
            self._protocol.enter()
            for batch in self._protocol.matching(pattern):
                self._protocol.invalidate(batch)
                seen += len(batch)
        except RedisAway:
            self._database.raise_epoch(self._database.state().epoch)
            threading.Event().wait(self._protocol.gate.trust_seconds)
        return seen

    def _settle(self, writer: bytes, values: dict[str, tuple[Entry, Any] | None]) -> bool:
        if self._protocol is None:
            return False
        try:
            self._protocol.settle(writer, values)
        except RedisAway as away:
            log.debug("fences are left to expire: %s", away)
            return False
        return True

    def _journal(self, session: Session, unit: Unit) -> None:
        write_journal(session, list(unit.values))
        self._count_journaled(unit.values)

    def _journal_late(self, unsettled: Sequence[str]) -> None:
        try:
            self._database.add_to_journal(unsettled)
        except SQLAlchemyError as error:
            log.critical("a change could not be journaled: %s", type(error).__name__)
            return
        self._count_journaled(unsettled)

    def _count_journaled(self, journaled: Iterable[str]) -> None:
        for key in journaled:
            self._tally.count(counters.JOURNAL, keys.family(key))


def _unit(session: Session, changes: set[ChangedRow]) -> Unit:
    """Name the keys that changes touch, and read the rows as they are about to be committed.

    The read is the transaction's own, after its last flush: its row locks keep everybody else
    from changing them before the commit. Objects as they were loaded would not do.
    """
    values: dict[str, tuple[Entry, Any] | None] = {}
    for table in sorted({change.table for change in changes}):
        kind = KINDS[table]
        of_kind = [change for change in changes if change.table == table]
        ids = {change.id for change in of_kind if change.id is not None}
        rows = session.execute(select(*kind.columns()).where(kind.table.c.id.in_(ids))).mappings()
        values.update(dict.fromkeys(kind.key(id) for id in ids))
        for row in rows:
            entry = RowEntry(kind, row["id"])
            values[entry.key] = (entry, kind.from_row(dict(row)))
        values.update(dict.fromkeys(ListEntry(kind, change.owner).key for change in of_kind))
    new_keys = [KINDS[each.table].key(each.id) for each in changes if each.is_new and each.id]
    return Unit(values, new_keys, any(not change.is_new for change in changes))


def _writer() -> Writer:
    writer: Writer = current_app.extensions["token_cache"].writer
    return writer


@event.listens_for(db.session, "before_commit")
def _fence(session: Session) -> None:
    if session.in_nested_transaction():
        return
    session.flush()
    session.info[_UNIT] = _writer().before_commit(session)


@event.listens_for(db.session, "after_commit")
def _settle(session: Session) -> None:
    unit = session.info.get(_UNIT)
    if session.in_nested_transaction() or unit is None:
        return
    changed_rows(session).clear()
    _writer().after_commit(unit)


@event.listens_for(db.session, "after_rollback")
def _abandon(session: Session) -> None:
    if session.in_nested_transaction():
        # A savepoint went; what was changed before it is still to be committed.
        return
    changed_rows(session).clear()
    unit = session.info.pop(_UNIT, None)
    if unit is not None:
        _writer().after_rollback(unit, sys.exception())


@event.listens_for(db.session, "after_transaction_end")
def _hold(session: Session, transaction: SessionTransaction) -> None:
    """Report a journaled change only when no process can still believe Redis without checking.

    The connection is back in its pool by now, so nobody else waits with us.
    """
    unit = session.info.pop(_UNIT, None) if transaction.parent is None else None
    if unit is not None and unit.reports_after:
        threading.Event().wait(max(0.0, unit.reports_after - time.monotonic()))
