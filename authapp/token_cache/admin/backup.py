"""Back up the cache's entries to a file, and restore those that are still correct.

A file contains sealed entries, as Redis does. Restoring does not trust them: each entry is opened,
compared with the committed row, and filled under a lease if the two agree. A file from before a
revocation therefore cannot undo it.
"""

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TextIO

from authapp import clock
from authapp.errors import Conflict
from authapp.security.sealing import SealBroken
from authapp.token_cache import keys
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.coherence.steps import new_id
from authapp.token_cache.entries import CachedEntry, load, parse
from authapp.token_cache.records import CACHE_DURATION_JWT_KEY
from authapp.token_cache.redis import scripts

BATCH: Final = 500
_HEADER: Final = "backup"
_FORMAT: Final = "authapp cache backup 1"


def backup(backend: TokenCacheBackend, file: Path) -> int:
    """Write every value to a new file, sealed with its expiry; return how many there were."""
    ticket = backend.enter()
    with file.open("x", encoding="ascii") as lines:
        try:
            return _write(backend, ticket.epoch, lines)
        except BaseException:
            # A partial backup must not be mistaken for a complete one.
            file.unlink()
            raise


def _write(backend: TokenCacheBackend, epoch: int, lines: TextIO) -> int:
    written = 0
    header = {"format": _FORMAT, "epoch": epoch, "made_at": clock.now().isoformat()}
    sealed = backend.envelope.seal(_HEADER, 0, header, clock.now() + CACHE_DURATION_JWT_KEY)
    lines.write(base64.b64encode(sealed).decode() + "\n")
    for pattern in keys.ALL_PATTERNS:
        for batch in backend.matching(pattern):
            for key, raw in backend.raw_values(batch):
                lines.write(json.dumps([key, base64.b64encode(raw).decode()]) + "\n")
                written += 1
    return written


def restore(backend: TokenCacheBackend, file: Path) -> Iterator[tuple[int, int]]:
    """Begin a new epoch, and fill the entries of a file that match the database.

    Yields, for each batch, the number of entries that were read and the number that were filled.
    Raises Conflict if the file is from another deployment, damaged, or older than any entry may be.
    """
    with file.open(encoding="ascii", errors="replace") as lines:
        epoch = _read_header(backend, lines.readline())
        backend.database.raise_epoch(backend.database.state().epoch)
        backend.trust.distrust()
        batch: dict[CachedEntry, tuple[Any, datetime]] = {}
        read = 0
        for line in lines:
            read += 1
            entry = _read_line(backend, epoch, line)
            if entry is not None:
                batch[entry[0]] = entry[1:]
            if read == BATCH:
                yield read, _fill(backend, batch)
                batch, read = {}, 0
        yield read, _fill(backend, batch)


def _read_header(backend: TokenCacheBackend, line: str) -> int:
    try:
        raw = base64.b64decode(line.strip(), validate=True)
        header, _ = backend.envelope.open(_HEADER, 0, raw, dict[str, Any])
        epoch = header["epoch"]
    except (SealBroken, ValueError, KeyError) as error:
        raise Conflict(
            "this file was not made by this deployment, is damaged, or is too old"
        ) from error
    return int(epoch)


def _read_line(
    backend: TokenCacheBackend, epoch: int, line: str
) -> tuple[CachedEntry, Any, datetime] | None:
    """Return the line's entry, or None if it does not open or has expired."""
    try:
        key, encoded = json.loads(line)
        entry = parse(key)
        if entry is None:
            return None
        sealed = base64.b64decode(encoded, validate=True).removeprefix(scripts.VALUE)
        return entry, *backend.envelope.open(key, epoch, sealed, entry.type)
    except (SealBroken, ValueError, TypeError):
        return None


def _fill(backend: TokenCacheBackend, batch: dict[CachedEntry, tuple[Any, datetime]]) -> int:
    if not batch:
        return 0
    lease = new_id()
    ticket, looks = backend.look(list(batch))
    looks = backend.take_leases(ticket, lease, {e: k for e, k in looks.items() if not k.is_hit})
    mine = [entry for entry, look in looks.items() if look.is_absent]
    committed = load(backend.database, mine)
    agreed = {e: committed[e] if committed[e] == batch[e][0] else None for e in mine}
    ends = {entry: batch[entry][1] for entry in mine}
    done = backend.replace(ticket, scripts.LEASE + lease, agreed, not_after=ends)
    return sum(filled and agreed[entry] is not None for entry, filled in done.items())
