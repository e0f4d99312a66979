"""How one application's cache is put together."""

from dataclasses import dataclass

from authapp.config import Settings
from authapp.security.sealing import Sealer
from authapp.token_cache.counters import Counters
from authapp.token_cache.database import CacheDatabase
from authapp.token_cache.envelope import Envelope
from authapp.token_cache.gate import Gate
from authapp.token_cache.protocol import Protocol
from authapp.token_cache.reader import Reader
from authapp.token_cache.transactions import Writer
from authapp.token_cache.uses import TokenUses
from authapp.token_cache.wire import Wire


@dataclass(frozen=True)
class Parts:
    """The parts; `wire` and `protocol` are None where no Redis is configured."""

    settings: Settings
    database: CacheDatabase
    tally: Counters
    uses: TokenUses
    wire: Wire | None
    protocol: Protocol | None
    reader: Reader
    writer: Writer

    def close(self) -> None:
        """Store what was counted and let every connection go."""
        if self.protocol is not None:
            self.protocol.gate.close()
        self.tally.close()
        self.uses.close()
        self.database.close()
        if self.wire is not None:
            self.wire.close()


def assemble(settings: Settings) -> Parts:
    """Put the parts together for one application; connects to nothing yet."""
    database = CacheDatabase(settings)
    tally = Counters(database.housekeeping)
    wire = protocol = None
    if settings.redis_url:
        wire = Wire(settings, settings.redis_url)
        gate = Gate(wire, database, tally, settings)
        envelope = Envelope(Sealer(settings.cache_sealing_keys))
        protocol = Protocol(wire, gate, envelope, tally)
    reader = Reader(protocol, database, tally)
    writer = Writer(protocol, database, reader.unknown, tally)
    uses = TokenUses(settings)
    return Parts(settings, database, tally, uses, wire, protocol, reader, writer)
