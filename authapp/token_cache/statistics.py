"""How the cache is doing, over all processes."""

from collections import defaultdict
from dataclasses import dataclass

from authapp.token_cache import counters
from authapp.token_cache.parts import Parts
from authapp.token_cache.wire import RedisAway


@dataclass(frozen=True)
class Memory:
    """One primary's memory, in bytes, as INFO has it; `limit` is 0 where there is none."""

    used: int
    peak: int
    limit: int


@dataclass(frozen=True)
class Statistics:
    """A moment of the cache; `counts` is by event, then by kind of entry."""

    connected: bool
    breaker: str
    epoch: int
    journal_depth: int
    hit_ratio: float | None
    counts: dict[str, dict[str, int]]
    memory: list[Memory]


def collect(parts: Parts) -> Statistics:
    """Ask Redis and the database how the cache is doing."""
    parts.tally.flush()
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for event, kind, total in parts.tally.totals():
        counts[event][kind] = total
    hits, misses = (sum(counts[event].values()) for event in (counters.HIT, counters.MISS))
    memory = _memory(parts)
    return Statistics(
        connected=memory is not None,
        breaker="open" if parts.protocol and parts.protocol.gate.breaker.is_open else "closed",
        epoch=parts.database.state().epoch,
        journal_depth=parts.database.journal_depth(),
        hit_ratio=hits / (hits + misses) if hits + misses else None,
        counts={event: dict(by_kind) for event, by_kind in sorted(counts.items()) if by_kind},
        memory=memory or [],
    )


def _memory(parts: Parts) -> list[Memory] | None:
    if parts.wire is None:
        return None
    try:
        found = parts.wire.information("memory")
    except RedisAway:
        return None
    return [
        Memory(each["used_memory"], each["used_memory_peak"], each.get("maxmemory", 0))
        for each in found
    ]
