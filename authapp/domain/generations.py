"""Which generation of its session a refresh token is, and what that allows.

Source: RFC 9700 section 4.14.2. The previous generation stays good for an overlap, so that racing
tabs and clients that lost an answer get the same successor.
"""

from enum import Enum, auto

from authapp import clock
from authapp.config import current_settings
from authapp.security.opaque_tokens import RefreshClaim
from authapp.token_cache.records import RefreshTokenRecord


class Generation(Enum):
    """What a refresh token is to its session."""

    CURRENT = auto()
    PREVIOUS = auto()  # replaced within the overlap: it yields the same successor
    LATE = auto()  # replaced before that, by a clock that may be off: refused, and not theft
    REUSED = auto()  # older: stolen, or used by a thief's victim
    UNKNOWN = auto()  # newer than its session, which was restored from a backup


def generation_of(claim: RefreshClaim, session: RefreshTokenRecord) -> Generation:
    """Return which generation of its session a proven refresh token is."""
    if claim.generation == session.generation:
        return Generation.CURRENT
    if claim.generation > session.generation:
        return Generation.UNKNOWN
    settings, age = current_settings(), clock.now() - session.rotated_at
    if claim.generation < session.generation - 1:
        return Generation.REUSED
    if age < settings.sessions.refresh_overlap:
        return Generation.PREVIOUS
    # Another host may have rotated it, and this host's clock may be ahead of that one's.
    is_late = age < settings.sessions.refresh_overlap + settings.tokens.clock_skew
    return Generation.LATE if is_late else Generation.REUSED
