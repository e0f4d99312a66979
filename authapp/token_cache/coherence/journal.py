"""Replaying the journal: the keys of changes that committed while Redis was unavailable."""

from authapp.token_cache import keys
from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.counters import Counters, Event
from authapp.token_cache.redis import scripts
from authapp.token_cache.redis.change_log import addition
from authapp.token_cache.redis.client import RedisClient, Script


def replay(database: CacheDatabase, client: RedisClient, counters: Counters) -> int:
    """Remove every journaled key from Redis, and return how many there were.

    Keys are removed from Redis first, then added to the change log, and deleted from the journal
    last: a process that finds the journal empty must find them in the log.
    """
    replayed = 0
    while entries := database.journal():
        removed = [entry.key for entry in entries]
        deletions = [Script(scripts.INVALIDATE, key) for key in removed]
        client.run(deletions, then=[addition(removed)])
        database.forget_journal([entry.id for entry in entries])
        for key in removed:
            counters.count(Event.REPLAY, keys.family(key))
        replayed += len(entries)
    return replayed
