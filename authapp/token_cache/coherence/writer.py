"""The writer's half of the protocol: every commit fences the keys it changes, then settles them.

The session's events call this, never a service, so that no writer can forget it. `models.changes`
records what a transaction changes.
"""

import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import structlog
from flask import current_app
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session, SessionTransaction

from authapp import metrics
from authapp.models import db
from authapp.models.changes import ChangedRow, changed_rows, forget_changes, written_rows
from authapp.token_cache import keys
from authapp.token_cache.coherence.database import CacheDatabase, write_journal, write_tombstones
from authapp.token_cache.coherence.steps import CoherentRedisCache, new_id
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.entries import Entry, ListEntry, RowEntry
from authapp.token_cache.records import KINDS, is_active
from authapp.token_cache.redis.client import RedisUnavailable

log = structlog.get_logger(__name__)

_UNIT: Final = "token_cache_unit"

Values = dict[str, tuple[Entry, Any] | None]


@dataclass
class Unit:
    """One transaction's changes: what each key will hold after the commit.

    Inserted rows are included: their ids may be remembered as absent, and they change their
    owners' lists. The commit does not return before the monotonic time `reports_after`.
    """

    values: Values
    writer: bytes = field(default_factory=new_id)
    is_fenced: bool = False
    committed_at: float = 0.0
    reports_after: float = 0.0


class Writer:
    """Fences, settles and journals the transactions of one application."""

    def __init__(
        self, backend: CoherentRedisCache, database: CacheDatabase, counters: Counters
    ) -> None:
        self._backend = backend
        self._database = database
        self._counters = counters

    def before_commit(self, session: Session) -> Unit | None:
        """Fence the keys that the transaction changes, or journal them if that fails."""
        changes = changed_rows(session)
        if not changes or self._backend.client is None:
            return None
        unit = Unit(_committed_values(session, changes))
        ended = _ended(changes, unit.values)
        if ended:
            write_tombstones(session, ended)
        try:
            unit.reports_after = self._backend.fence(unit.writer, list(unit.values))
            unit.is_fenced = True
        except RedisUnavailable as away:
            log.debug("changes_journaled", reason=str(away))
            write_journal(session, list(unit.values))
            self._count_journaled(unit.values)
        return unit

    def after_commit(self, unit: Unit) -> None:
        """Settle the fences with the committed rows, or journal the keys if that fails.

        If Redis cannot be reached, it may be replaced by a server that does not have the fences.
        """
        unit.committed_at = time.monotonic()
        if unit.is_fenced:
            settled_by = self._settle(unit.writer, unit.values)
            if settled_by is not None:
                unit.reports_after = max(unit.reports_after, settled_by)
                return
            self._journal_late(list(unit.values))
        unit.reports_after = time.monotonic() + self._backend.trust.trust_seconds

    def after_rollback(self, unit: Unit, error: BaseException | None) -> None:
        """Settle the fences without values.

        If the connection broke, the COMMIT may still succeed, so the fences are left to expire.
        """
        is_known = not (isinstance(error, DBAPIError) and error.connection_invalidated)
        if unit.is_fenced and is_known:
            self._settle(unit.writer, dict.fromkeys(unit.values))

    def _settle(self, writer: bytes, values: Values) -> float | None:
        try:
            return self._backend.settle(writer, values)
        except RedisUnavailable as away:
            log.debug("fences_left", reason=str(away))
            return None

    def _journal_late(self, unsettled: Sequence[str]) -> None:
        try:
            self._database.add_to_journal(unsettled)
        except SQLAlchemyError as error:
            log.critical("change_not_journaled", error=type(error).__name__)
            return
        self._count_journaled(unsettled)

    def _count_journaled(self, journaled: Iterable[str]) -> None:
        for key in journaled:
            self._counters.count(Event.JOURNAL, keys.family(key))


def _committed_values(session: Session, changes: set[ChangedRow]) -> Values:
    """Return the keys that changes affect, with the rows as they are about to be committed.

    The transaction reads the rows itself after its last flush, unless they were written last by an
    UPDATE that returned them. Its row locks keep other transactions from changing them before the
    commit. Objects loaded earlier may be out of date.
    """
    written = written_rows(session)
    values: Values = {}
    for table in sorted({change.table for change in changes}):
        kind = KINDS[table]
        of_kind = [change for change in changes if change.table == table]
        ids = {change.id for change in of_kind if change.id is not None}
        values.update(dict.fromkeys(kind.key(id) for id in ids))
        rows = [written[table, id] for id in ids if (table, id) in written]
        unread = [id for id in ids if (table, id) not in written]
        if unread:
            rows += session.connection().execute(*kind.selecting(unread))
        for row in rows:
            entry = RowEntry(kind, row.id)
            values[entry.key] = (entry, kind.from_row(row))
        values.update(dict.fromkeys(ListEntry(kind, change.owner).key for change in of_kind))
    return values


def _ended(changes: set[ChangedRow], values: Values) -> dict[str, timedelta]:
    """Return the keys of rows that are not active after this commit, with their kind's duration."""
    ended = {}
    for change in changes:
        if change.id is None or change.has_expired:
            continue
        kind = KINDS[change.table]
        key = kind.key(change.id)
        committed = values[key]
        if committed is None or not is_active(committed[1]):
            ended[key] = kind.duration
    return ended


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
    if session.in_nested_transaction():
        return
    forget_changes(session)
    unit = session.info.get(_UNIT)
    if unit is not None:
        _writer().after_commit(unit)


@event.listens_for(db.session, "after_rollback")
def _abandon(session: Session) -> None:
    if session.in_nested_transaction():
        # Only a savepoint was rolled back; earlier changes may still be committed.
        return
    forget_changes(session)
    unit = session.info.pop(_UNIT, None)
    if unit is not None:
        _writer().after_rollback(unit, sys.exception())


@event.listens_for(db.session, "after_transaction_end")
def _delay_report(session: Session, transaction: SessionTransaction) -> None:
    """Report a change only when no process can still answer without it.

    The connection is already back in its pool, so no other request waits for it.
    """
    unit = session.info.pop(_UNIT, None) if transaction.parent is None else None
    if unit is not None and unit.reports_after:
        threading.Event().wait(max(0.0, unit.reports_after - time.monotonic()))
        metrics.REVOCATION_SECONDS.observe(time.monotonic() - unit.committed_at)
