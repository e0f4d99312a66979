"""Refresh token generations: which one a token has, and what that allows.

Source: RFC 9700 section 4.14.2. The previous generation stays valid for an overlap, so that racing
tabs and clients that lost a response get the same successor.
"""

from enum import Enum, auto

from authapp import clock
from authapp.config import current_settings
from authapp.security.opaque_tokens import RefreshClaim
from authapp.token_cache.records import RefreshTokenRecord


class Generation(Enum):
    """A refresh token's generation, relative to its session's."""

    CURRENT = auto()
    PREVIOUS = auto()  # replaced within the overlap: gets the same successor
    LATE = auto()  # replaced up to a clock skew earlier: refused, but not as theft
    REUSED = auto()  # older: used by a thief, or by the victim of one
    UNKNOWN = auto()  # newer than its session, which was restored from a backup


def generation_of(claim: RefreshClaim, session: RefreshTokenRecord) -> Generation:
    """Compare a proven refresh token's generation with its session's."""
    if claim.generation == session.generation:
        return Generation.CURRENT
    if claim.generation > session.generation:
        return Generation.UNKNOWN
    settings, age = current_settings(), clock.now() - session.rotated_at
    if claim.generation < session.generation - 1:
        return Generation.REUSED
    if age < settings.sessions.refresh_overlap:
        return Generation.PREVIOUS
    # Another host may have rotated it, and this host's clock may be ahead.
    is_late = age < settings.sessions.refresh_overlap + settings.tokens.clock_skew
    return Generation.LATE if is_late else Generation.REUSED
