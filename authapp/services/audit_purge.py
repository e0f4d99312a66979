"""Deleting the entries of the audit log that are older than AUDIT_RETENTION."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from sqlalchemy import delete, exists, select

from authapp import clock
from authapp.config import current_settings
from authapp.errors import Conflict
from authapp.models import AuditEntry, db
from authapp.models.transaction import transaction
from authapp.models.turn import HasTurn, Work, turn
from authapp.services import audit_chain, audit_checkpoints
from authapp.services.audit_chain import Head, head_of, is_waiting
from authapp.services.audit_verification import verify_beginning

BATCH: Final = 500
_TRIES: Final = 20


@contextmanager
def only_one() -> Iterator[None]:
    """Keep other purges from deleting what this one archives; raises Conflict during another."""
    try:
        with turn(Work.PURGE_AUDIT_LOG):
            yield
    except HasTurn as error:
        raise Conflict("the audit log is being purged already") from error


def last_due() -> Head | None:
    """Return the last of the entries that can be deleted; None if there are none.

    All of them are older than AUDIT_RETENTION, and follow each other from the beginning. Raises
    Conflict if one of them was altered, because deleting it would hide that.
    """
    retention = current_settings().logs.audit_retention
    if not retention:
        return None
    sequence, is_chained = AuditEntry.sequence, AuditEntry.sequence.is_not(None)
    is_kept = AuditEntry.at >= clock.now() - retention
    kept = db.session.scalar(
        select(sequence).where(is_chained, is_kept).order_by(sequence).limit(1)
    )
    due = select(AuditEntry).where(is_chained if kept is None else sequence < kept)
    last = head_of(db.session.scalar(due.order_by(sequence.desc()).limit(1)))
    if last is None:
        return None
    if fault := verify_beginning(last):
        raise Conflict(f"the audit log is not purged: entry {fault.where}: {fault.reason}")
    return last


def purge(last: Head) -> Iterator[int]:
    """Delete the entries up to one, in batches; yields the size of each.

    A checkpoint in the chain names the last one first, so that the rest can still be verified. If
    this is interrupted, the next purge deletes what is left.
    """
    with transaction():
        audit_checkpoints.record(last)
    _chain_checkpoint(last)
    sequence = AuditEntry.sequence
    while found := list(
        db.session.scalars(
            select(sequence).where(sequence <= last.sequence).order_by(sequence).limit(BATCH)
        )
    ):
        with transaction():
            db.session.execute(delete(AuditEntry).where(sequence <= found[-1]))
        yield len(found)


def purge_due() -> Iterator[int]:
    """Do both, unless another purge does it now."""
    with suppress(HasTurn), turn(Work.PURGE_AUDIT_LOG):
        last = last_due()
        if last is not None:
            yield from purge(last)


def _chain_checkpoint(last: Head) -> None:
    """Add what is waiting to the chain, as the worker does, up to the checkpoint.

    Raises Conflict if that fails, such as after the last entry was altered.
    """
    is_chained = select(
        ~exists().where(is_waiting(), AuditEntry.action == audit_checkpoints.PURGED)
    )
    tries = 0
    while tries < _TRIES and not db.session.scalar(is_chained):
        # The worker may extend the chain at the same time; then this adds nothing.
        tries = 0 if audit_chain.extend() else tries + 1
    if not audit_checkpoints.covers(last):
        raise Conflict("the audit log is not purged: no entry can be added; run flask audit verify")
