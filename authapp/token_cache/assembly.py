"""The components of one application's cache, and how they are assembled."""

from dataclasses import dataclass

from authapp.config import Settings
from authapp.models.database_slots import DatabaseSlots
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.coherence.database import CacheDatabase
from authapp.token_cache.coherence.local_tier import LocalTier
from authapp.token_cache.coherence.reader import Reader
from authapp.token_cache.coherence.writer import Writer
from authapp.token_cache.counters import Counters
from authapp.token_cache.last_used import LastUsed
from authapp.token_cache.verdicts import Verdicts


@dataclass(frozen=True)
class Assembly:
    """The components of one application's cache."""

    settings: Settings
    database: CacheDatabase
    counters: Counters
    last_used: LastUsed
    backend: TokenCacheBackend
    reader: Reader
    writer: Writer
    verdicts: Verdicts

    def close(self) -> None:
        """Stop background work, store counters and last uses, and close every connection."""
        self.backend.trust.close()
        self.counters.close()
        self.last_used.close()
        self.database.close()
        if self.backend.client is not None:
            self.backend.client.close()


def assemble(settings: Settings, slots: DatabaseSlots) -> Assembly:
    """Create one application's cache; connects to nothing yet."""
    database = CacheDatabase(settings, slots)
    counters = Counters(database.housekeeping)
    backend = TokenCacheBackend(settings, database, counters)
    local = LocalTier(backend, counters, settings)
    reader = Reader(backend, local, database, counters)
    return Assembly(
        settings,
        database,
        counters,
        last_used=LastUsed(settings, backend),
        backend=backend,
        reader=reader,
        writer=Writer(backend, database, counters),
        verdicts=Verdicts(reader),
    )
