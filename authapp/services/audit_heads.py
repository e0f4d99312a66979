"""Heads of the audit log's chain in the log, which a writer of the database cannot change."""

from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import select

from authapp import clock
from authapp.models import AuditEntry, db
from authapp.services import audit_checkpoints
from authapp.services.audit_chain import Head, current_head

log = structlog.get_logger(__name__)

HEAD_INTERVAL: Final = timedelta(minutes=5)
"""How often each worker writes the head to the log, if it changed."""


class HeadReporter:
    """Writes the head to the log, and notices if the one that it reported last is missing."""

    def __init__(self) -> None:
        self._reported: Head | None = None
        self._due_at: datetime | None = None

    def report(self) -> None:
        """Log the head if it is due and has changed."""
        now = clock.now()
        if self._due_at is not None and now < self._due_at:
            return
        self._due_at = now + HEAD_INTERVAL
        if self._reported is not None and not _is_known(self._reported):
            log.critical("audit_log_altered", head=str(self._reported))
        head = current_head()
        if head is not None and head != self._reported:
            log.info("audit_head", head=str(head))
            self._reported = head


def _is_known(head: Head) -> bool:
    """Return whether an entry is in the chain, or was purged since."""
    hash = db.session.scalar(select(AuditEntry.hash).where(AuditEntry.sequence == head.sequence))
    if hash is None:
        return audit_checkpoints.covers(head)
    return hash == head.hash
