"""Verifying the chain of the audit log: that no entry was changed, moved, added or removed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import exists, func, select

from authapp.domain.audit import authenticator, content_of
from authapp.models import AuditEntry, db
from authapp.security.audit_chain import START, Authenticity, Stage, link
from authapp.services import audit_checkpoints
from authapp.services.audit import every_entry
from authapp.services.audit_chain import Head, is_waiting


@dataclass(frozen=True)
class Fault:
    """The first entry that is wrong; `where` is its sequence number, or the id of a new one."""

    where: str
    reason: str


@dataclass(frozen=True)
class Verified:
    """What `verify` found: how many entries it checked, and how many are not in the chain yet.

    `first` is the sequence number of the first one that it checked, after those that were purged.
    """

    entries: int
    waiting: int
    first: int | None
    head: Head | None
    fault: Fault | None


def verify(head: Head | None = None, archived: Iterable[AuditEntry] = ()) -> Verified:
    """Check the whole chain, and entries that are not in it yet; `head` is one from the log.

    `archived` are exported entries, oldest first, which are checked as the beginning of the chain.
    Stops at the first fault.
    """
    check = _Check(head)
    fault = next((fault for fault in check.faults(archived) if fault), None)
    waiting = select(func.count()).select_from(AuditEntry).where(is_waiting())
    return Verified(check.entries, db.session.scalar(waiting) or 0, check.first, check.last, fault)


def verify_beginning(last: Head) -> Fault | None:
    """Check the entries up to `last`, and as many after it as it takes to authenticate them."""
    check = _Check(last)
    faults = check.faults_of_chain(())
    return next((fault for fault in faults if fault or check.has_authenticated(last)), None)


class _Check:
    """One pass over the chain."""

    def __init__(self, expected: Head | None) -> None:
        self._signer = authenticator()
        self._expected = expected
        self._has_compared = False
        self._has_archives = False
        self._repeated: Head | None = None
        self._is_vouched_for = False
        self.entries = 0
        self.first: int | None = None
        self.last: Head | None = None

    @property
    def _next(self) -> int:
        return self.last.sequence + 1 if self.last else 1

    def has_authenticated(self, head: Head) -> bool:
        """Return whether a code vouches for all entries up to this one."""
        return self._is_vouched_for and self._next > head.sequence

    def faults(self, archived: Iterable[AuditEntry]) -> Iterator[Fault | None]:
        """Yield the faults in the order of the chain, and then those of new entries."""
        yield from self.faults_of_chain(archived)
        yield self._fault_of_head()
        yield from self._new_faults()

    def faults_of_chain(self, archived: Iterable[AuditEntry]) -> Iterator[Fault | None]:
        """Yield a fault or None for each entry of the chain, and one if no code vouches for it."""
        for entry in archived:
            self._go_back(entry)
            yield self._fault_of(entry)
            self._has_archives = True
        for entry in every_entry(after=self.last.sequence if self.last else None):
            # Archives have no codes: the entries that are left vouch for them.
            yield self._fault_of(entry) or self._fault_in_code(entry)
        if self.entries and not self._is_vouched_for:
            reason = "none of KEY_ENCRYPTION_KEYS authenticates the last entry"
            yield Fault(str(self._next - 1), reason)

    def _fault_of(self, entry: AuditEntry) -> Fault | None:
        is_new = self._repeated is None
        gap = self._pass_purged(entry)
        sequence, reason = self._next, gap or self._fault_in_chain(entry)
        self.entries += is_new
        self.first = self.first or sequence
        self.last = Head(sequence, entry.hash or b"")
        return Fault(str(sequence), reason) if reason else None

    def _go_back(self, entry: AuditEntry) -> None:
        """Check an archived entry again that an archive before it has, and those that follow.

        A purge that was interrupted leaves entries that the next archive has again. Nothing vouches
        for them unless they lead to the same entry.
        """
        sequence = entry.sequence or 0
        if self.last is None or sequence > self.last.sequence or self._repeated is not None:
            return
        self._repeated, self.last = self.last, Head(sequence - 1, entry.previous_hash or b"")

    def _pass_purged(self, entry: AuditEntry) -> str | None:
        """Continue at this entry if only purged ones are missing before it.

        A purge may also run at the same time as this check. Returns a fault if the missing ones
        follow an archive: nothing else would vouch for it.
        """
        sequence = entry.sequence or 0
        purged = audit_checkpoints.latest() if sequence > self._next else None
        if purged is None or sequence > purged.sequence + 1 or _is_left_before(sequence):
            return None
        if self._has_archives:
            return (
                f"the archives are incomplete: entries {self._next} to {sequence - 1} are missing"
            )
        is_next = sequence == purged.sequence + 1
        hash = purged.hash if is_next else entry.previous_hash or b""
        self.last = Head(sequence - 1, hash)
        if is_next:
            self._compare(self.last)
        return None

    def _fault_in_chain(self, entry: AuditEntry) -> str | None:
        previous = self.last.hash if self.last else START
        if entry.sequence != self._next:
            return "this entry is missing"
        if entry.previous_hash != previous:
            return "it does not follow the entry before it"
        if entry.hash != link(previous, self._next, content_of(entry)):
            return "it was changed"
        if self._repeated is not None and self._repeated.sequence == self._next:
            if self._repeated.hash != entry.hash:
                return "the archives differ here, or before"
            self._repeated = None
        is_expected = self._compare(Head(self._next, entry.hash))
        return None if is_expected else "it differs from the given head"

    def _compare(self, head: Head) -> bool:
        """Return whether the given head is this one, or of another place."""
        if self._expected is None or self._expected.sequence != head.sequence:
            return True
        self._has_compared = head == self._expected
        return self._has_compared

    def _fault_in_code(self, entry: AuditEntry) -> Fault | None:
        found = self._signer.check(Stage.CHAINED, entry.hash or b"", entry.mac)
        # `keys rewrap` leaves former keys only before the first entry that vouches for them.
        if found is Authenticity.KEY_MISSING and not self._is_vouched_for:
            return None
        self._is_vouched_for = True
        if found is Authenticity.GENUINE:
            return None
        return Fault(str(entry.sequence), f"its code is not authentic: {found}")

    def _fault_of_head(self) -> Fault | None:
        if self._expected is None or self._has_compared:
            return None
        if self._expected.sequence >= self._next:
            reason = "the entries from here to the given head are missing"
            return Fault(str(self._next), reason)
        reason = "it was purged, so the given head shows nothing: pass a later one, or the archive"
        return Fault(str(self._expected.sequence), reason)

    def _new_faults(self) -> Iterator[Fault]:
        for entry in db.session.scalars(select(AuditEntry).where(is_waiting())):
            found = self._signer.check(Stage.WRITTEN, content_of(entry), entry.mac)
            if found is not Authenticity.GENUINE:
                yield Fault(str(entry.id), f"this new entry is not authentic: {found}")


def _is_left_before(sequence: int) -> bool:
    """Return whether there are entries before this one; a purge deletes from the beginning."""
    return db.session.scalar(select(exists().where(AuditEntry.sequence < sequence))) or False
