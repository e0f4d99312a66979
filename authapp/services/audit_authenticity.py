"""Which entries of the audit log authapp wrote; one that it did not must not become an event."""

from collections.abc import Sequence
from contextlib import closing
from typing import Final

from sqlalchemy import select

from authapp.domain.audit import authenticator, content_of
from authapp.models import AuditEntry, db
from authapp.security.audit_chain import Authenticator, Authenticity, Stage, link

_PAGE: Final = 200


def genuine(
    entries: Sequence[AuditEntry], vouched: bytes | None = None
) -> tuple[list[AuditEntry], AuditEntry | None]:
    """Return these successive entries up to the first that is not genuine, and that one.

    An entry is genuine by its own code, or, if the key of that was removed, because the next
    genuine one has its hash. `vouched` is such a hash, if an entry after these was checked already.
    """
    signer, found, refused = authenticator(), list[AuditEntry](), None
    if vouched is None and entries:
        vouched = _vouched_by_later_ones(entries[-1], signer)
    for entry in reversed(entries):
        if _is_genuine(entry, signer, vouched):
            found.insert(0, entry)
            vouched = entry.previous_hash
        else:
            found, refused, vouched = [], entry, None
    return found, refused


def _vouched_by_later_ones(last: AuditEntry, signer: Authenticator) -> bytes | None:
    """Return the hash of an entry if its own key is missing and entries after it vouch for it."""
    if _check(last, signer) is not Authenticity.KEY_MISSING:
        return None
    before, later = last, select(AuditEntry).where(AuditEntry.sequence > last.sequence)
    pages = later.order_by(AuditEntry.sequence).execution_options(yield_per=_PAGE)
    with closing(db.session.scalars(pages)) as following:
        for entry in following:
            if entry.previous_hash != before.hash or not _has_its_hash(entry):
                return None
            found = _check(entry, signer)
            if found is not Authenticity.KEY_MISSING:
                return last.hash if found is Authenticity.GENUINE else None
            before = entry
    return None


def _is_genuine(entry: AuditEntry, signer: Authenticator, vouched: bytes | None) -> bool:
    if not _has_its_hash(entry):
        return False
    found = _check(entry, signer)
    return found is Authenticity.GENUINE or (
        found is Authenticity.KEY_MISSING and entry.hash == vouched
    )


def _has_its_hash(entry: AuditEntry) -> bool:
    previous, sequence = entry.previous_hash or b"", entry.sequence or 0
    return sequence > 0 and entry.hash == link(previous, sequence, content_of(entry))


def _check(entry: AuditEntry, signer: Authenticator) -> Authenticity:
    return signer.check(Stage.CHAINED, entry.hash or b"", entry.mac)
