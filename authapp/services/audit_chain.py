"""The chain of the audit log, which the worker extends."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.domain.audit import authenticator, content_of
from authapp.models import AuditEntry, db
from authapp.models.transaction import transaction
from authapp.security.audit_chain import START, Authenticator, Authenticity, Stage, link

log = structlog.get_logger(__name__)

_BATCH: Final = 200
_HASH_BYTES: Final = 32

_refused: Final[set[UUID]] = set()
"""Entries that are not authentic; each process logs each of them once."""


@dataclass(frozen=True)
class Head:
    """The place and the hash of the last entry of the chain."""

    sequence: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a head as it is written; raises ValueError for any other text."""
        sequence, _, hash = text.partition(":")
        head = cls(int(sequence), bytes.fromhex(hash))
        if head.sequence < 1 or len(head.hash) != _HASH_BYTES:
            raise ValueError("not the place and the hash of an entry")
        return head


class _ExtendedElsewhere(Exception):
    """Another worker extended the chain at the same time."""


def extend() -> int:
    """Add the entries that are not in the chain yet, in the order of their times.

    Returns how many were added. Each worker calls it; of two at once, one adds entries.
    """
    with transaction():
        # Usually there are none, and an UPDATE would make SQLite's other writers wait.
        if not _waiting():
            return 0
    try:
        with transaction():
            return _extend()
    except (IntegrityError, _ExtendedElsewhere):
        return 0


def current_head() -> Head | None:
    """Return the head of the chain; None if it is empty."""
    return head_of(_head_entry())


def longest_wait() -> timedelta:
    """Return how long the oldest entry that is not in the chain has waited; zero if all are in it.

    Refused entries count: webhooks get nothing that is not in the chain, and operators must act.
    """
    oldest = db.session.scalar(select(func.min(AuditEntry.at)).where(is_waiting()))
    return max(clock.now() - oldest, timedelta()) if oldest else timedelta()


def reseal() -> None:
    """Replace the codes that are under a former key by codes under the first, if it vouches.

    In the caller's transaction. Once this is done, the former key can be removed: the first entry
    under the new key vouches for all entries before it, and those after it are under the new key.
    """
    signer, last = authenticator(), _head_entry()
    for entry in db.session.scalars(select(AuditEntry).where(is_waiting())):
        _sign_again(entry, signer, Stage.WRITTEN, content_of(entry))
    if last is None:
        return
    key = func.substr(AuditEntry.mac, 1, len(signer.key_id))
    first = db.session.scalar(select(func.min(AuditEntry.sequence)).where(key == signer.key_id))
    since = AuditEntry.sequence >= (first or last.sequence)
    for entry in db.session.scalars(select(AuditEntry).where(since, key != signer.key_id)):
        _sign_again(entry, signer, Stage.CHAINED, entry.hash or b"")


def _sign_again(entry: AuditEntry, signer: Authenticator, stage: Stage, message: bytes) -> None:
    if signer.check(stage, message, entry.mac) is Authenticity.GENUINE:
        entry.mac = signer.sign(stage, message)


def _head_entry() -> AuditEntry | None:
    chained = select(AuditEntry).where(AuditEntry.sequence.is_not(None))
    return db.session.scalar(chained.order_by(AuditEntry.sequence.desc()).limit(1))


def head_of(entry: AuditEntry | None) -> Head | None:
    """Return the place and the hash of an entry of the chain."""
    return Head(entry.sequence or 0, entry.hash or b"") if entry else None


def _extend() -> int:
    signer, added = authenticator(), 0
    # PostgreSQL makes a second worker wait here, and then returns only what is still waiting.
    entries = _waiting(for_update=True)
    last = _head_entry()
    if last is not None and not _vouches(last, signer):
        return 0
    head = head_of(last)
    for entry in entries:
        found = signer.check(Stage.WRITTEN, content_of(entry), entry.mac)
        if found is not Authenticity.GENUINE:
            log.critical("audit_entry_refused", entry_id=entry.id, reason=found)
            _refused.add(entry.id)
            continue
        head = _append(entry, head, signer)
        added += 1
    return added


def _vouches(last: AuditEntry, signer: Authenticator) -> bool:
    """Return whether authapp wrote the last entry; if not, entries after it would vouch for it."""
    if signer.check(Stage.CHAINED, last.hash or b"", last.mac) is Authenticity.GENUINE:
        return True
    note_altered(last)
    return False


def note_altered(entry: AuditEntry) -> None:
    """Log that authapp did not write an entry of the chain, once in each process."""
    if entry.id not in _refused:
        _refused.add(entry.id)
        log.critical("audit_log_altered", head=str(head_of(entry)))


def _waiting(*, for_update: bool = False) -> list[AuditEntry]:
    """Return the next entries that are not in the chain yet, without those that were refused."""
    waiting = select(AuditEntry).where(is_waiting()).order_by(AuditEntry.at, AuditEntry.id)
    found = waiting.limit(_BATCH + len(_refused))
    entries = db.session.scalars(found.with_for_update() if for_update else found)
    return [entry for entry in entries if entry.id not in _refused]


def _append(entry: AuditEntry, last: Head | None, signer: Authenticator) -> Head:
    """Add an entry to the chain; raises _ExtendedElsewhere if it is no longer waiting."""
    previous, sequence = (last.hash, last.sequence + 1) if last else (START, 1)
    hash = link(previous, sequence, content_of(entry))
    place = {"sequence": sequence, "previous_hash": previous, "hash": hash}
    # SQLite has no row locks.
    added = db.session.execute(
        update(AuditEntry)
        .where(AuditEntry.id == entry.id, is_waiting())
        .values(**place, mac=signer.sign(Stage.CHAINED, hash))
        .returning(AuditEntry.id)
        .execution_options(synchronize_session=False)
    )
    if added.one_or_none() is None:
        raise _ExtendedElsewhere
    return Head(sequence, hash)


def is_waiting() -> ColumnElement[bool]:
    """Return the condition of entries that are not in the chain yet."""
    return AuditEntry.sequence.is_(None)
