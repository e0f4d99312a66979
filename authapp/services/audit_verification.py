"""Verifying the chain of the audit log: that no entry was changed, moved, added or removed."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import func, select

from authapp.domain.audit import authenticator, content_of
from authapp.models import AuditEntry, db
from authapp.security.audit_chain import START, Authenticator, Authenticity, Stage, link
from authapp.services.audit import every_entry
from authapp.services.audit_chain import Head, is_waiting


@dataclass(frozen=True)
class Fault:
    """The first entry that is wrong; `where` is its sequence number, or the id of a new one."""

    where: str
    reason: str


@dataclass(frozen=True)
class Verified:
    """What `verify` found: how many entries are in the chain, and how many are not yet."""

    entries: int
    waiting: int
    head: Head | None
    fault: Fault | None


def verify(head: Head | None = None) -> Verified:
    """Check the whole chain, and entries that are not in it yet; `head` is one from the log.

    Stops at the first fault.
    """
    check = _Check(authenticator(), head)
    fault = next((fault for fault in check.faults() if fault), None)
    waiting = select(func.count()).select_from(AuditEntry).where(is_waiting())
    return Verified(check.entries, db.session.scalar(waiting) or 0, check.last, fault)


class _Check:
    """One pass over the chain."""

    def __init__(self, signer: Authenticator, expected: Head | None) -> None:
        self._signer = signer
        self._expected = expected
        self._is_vouched_for = False
        self.entries = 0
        self.last: Head | None = None

    def faults(self) -> Iterator[Fault | None]:
        """Yield the faults in the order of the chain, and then those of new entries."""
        for entry in every_entry():
            self.entries += 1
            yield _fault(self.entries, self._fault_in_chain(entry) or self._fault_in_code(entry))
            self.last = Head(self.entries, entry.hash or b"")
        if self.entries and not self._is_vouched_for:
            yield _fault(self.entries, "none of KEY_ENCRYPTION_KEYS authenticates the last entry")
        if self._expected is not None and self._expected.sequence > self.entries:
            yield _fault(self.entries + 1, "the entries from here to the given head are missing")
        yield from self._new_faults()

    def _fault_in_chain(self, entry: AuditEntry) -> str | None:
        previous = self.last.hash if self.last else START
        if entry.sequence != self.entries:
            return "this entry is missing"
        if entry.previous_hash != previous:
            return "it does not follow the entry before it"
        if entry.hash != link(previous, self.entries, content_of(entry)):
            return "it was changed"
        if self._expected and self._expected.sequence == self.entries:
            return None if entry.hash == self._expected.hash else "it differs from the given head"
        return None

    def _fault_in_code(self, entry: AuditEntry) -> str | None:
        found = self._signer.check(Stage.CHAINED, entry.hash or b"", entry.mac)
        # `keys rewrap` leaves former keys only before the first entry that vouches for them.
        if found is Authenticity.KEY_MISSING and not self._is_vouched_for:
            return None
        self._is_vouched_for = True
        return None if found is Authenticity.GENUINE else f"its code is not authentic: {found}"

    def _new_faults(self) -> Iterator[Fault]:
        for entry in db.session.scalars(select(AuditEntry).where(is_waiting())):
            found = self._signer.check(Stage.WRITTEN, content_of(entry), entry.mac)
            if found is not Authenticity.GENUINE:
                yield Fault(str(entry.id), f"this new entry is not authentic: {found}")


def _fault(sequence: int, reason: str | None) -> Fault | None:
    return Fault(str(sequence), reason) if reason else None
