"""The cache's statistics, over all processes."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from authapp.token_cache.assembly import Assembly
from authapp.token_cache.counters import Event
from authapp.token_cache.redis.client import RedisClient, RedisUnavailable

_PROBE: Final = "write_probe"
"""A key that expires at once."""


@dataclass(frozen=True)
class Memory:
    """One primary's memory in bytes, from INFO; `limit` is 0 if there is no limit."""

    used: int
    peak: int
    limit: int


@dataclass(frozen=True)
class RedisStatistics:
    """Whether Redis answers this process and accepts writes, and the memory of each primary."""

    connected: bool
    writable: bool
    memory: list[Memory]


@dataclass(frozen=True)
class Statistics:
    """The cache's current statistics; `counts` is by event, then by kind of entry.

    `hit_ratio` is the share of reads that were answered from memory or Redis.
    """

    connected: bool
    writable: bool
    breaker: str
    epoch: int
    journal_depth: int
    hit_ratio: float | None
    counts: dict[str, dict[str, int]]
    memory: list[Memory]


def collect(assembly: Assembly) -> Statistics:
    """Collect the statistics from Redis and the database."""
    assembly.counters.flush()
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for event, kind, total in assembly.counters.totals():
        counts[event][kind] = total
    hits = sum(counts[Event.RECALL].values()) + sum(counts[Event.HIT].values())
    misses = sum(counts[Event.MISS].values())
    redis = of_redis(assembly)
    return Statistics(
        connected=redis.connected,
        writable=redis.writable,
        breaker="open" if assembly.backend.trust.breaker.is_open else "closed",
        epoch=assembly.database.state().epoch,
        journal_depth=assembly.database.journal_depth(),
        hit_ratio=hits / (hits + misses) if hits + misses else None,
        counts={event: dict(by_kind) for event, by_kind in sorted(counts.items()) if by_kind},
        memory=redis.memory,
    )


def of_redis(assembly: Assembly) -> RedisStatistics:
    """Ask Redis for its memory, and write to it."""
    client = assembly.backend.client
    memory = _memory(client) if client else None
    if client is None or memory is None:
        return RedisStatistics(connected=False, writable=False, memory=[])
    return RedisStatistics(connected=True, writable=_accepts_writes(client), memory=memory)


def _memory(client: RedisClient) -> list[Memory] | None:
    try:
        found = client.information("memory")
    except RedisUnavailable:
        return None
    return [
        Memory(each["used_memory"], each["used_memory_peak"], each.get("maxmemory", 0))
        for each in found
    ]


def _accepts_writes(client: RedisClient) -> bool:
    try:
        client.set_if_absent(_PROBE, b"", milliseconds=1)
    except RedisUnavailable:
        return False
    return True
