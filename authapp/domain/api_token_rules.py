"""What an API token may be called, what it may be used for, for how long, and why no longer."""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from authapp import clock
from authapp.errors import InputRefused, NotAllowed
from authapp.models import RevokeReason, Scope, Token
from authapp.token_cache.records import TokenRecord

NAME_CHARACTERS: Final = 100
LONGEST_LIFE: Final = timedelta(days=3653)
LONGEST_OVERLAP: Final = timedelta(days=30)

# Invisible, yet part of how words are written in several languages.
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")


def parse_name(raw: str) -> str:
    """Return a normalized name; raises InputRefused for one that is not readable."""
    trimmed = raw.strip()
    # Before normalizing, which takes time that grows with the square of the length.
    if len(trimmed) > NAME_CHARACTERS:
        raise InputRefused("name", "too_long", most=NAME_CHARACTERS)
    name = unicodedata.normalize("NFC", trimmed)
    if not name:
        raise InputRefused("name", "missing")
    shown = name.translate(_JOINERS)
    if not shown or not shown.isprintable():
        raise InputRefused("name", "unprintable")
    return name


def parse_scopes(raw: Collection[str]) -> frozenset[Scope]:
    """Return scopes by their names; raises InputRefused unless there are some, all of them ours."""
    if not raw:
        raise InputRefused("scopes", "missing")
    scopes = frozenset(scope for scope in Scope if scope in raw)
    if len(scopes) < len(set(raw)):
        raise InputRefused("scopes", "unknown")
    return scopes


def written(scopes: frozenset[Scope]) -> str:
    """Write scopes as a token's row keeps them, in one order."""
    return " ".join(scope for scope in Scope if scope in scopes)


def granted_by(scopes: str) -> frozenset[Scope]:
    """Read the scopes of a token's row; a word that is none of ours any more grants nothing."""
    words = scopes.split()
    return frozenset(scope for scope in Scope if scope in words)


def end_reason(token: Token | TokenRecord) -> str | None:
    """Return the RevokeReason of a token that does not work any more; None while it works."""
    if token.revoked_at is not None:
        return token.revoke_reason or RevokeReason.REVOKED
    if token.expires_at is None or token.expires_at > clock.now():
        return None
    return RevokeReason.EXPIRED if token.replaced_by is None else RevokeReason.REPLACED


def require_life(expires_at: datetime | None) -> None:
    """Raise InputRefused for an expiry that is over, or so far off that it is none."""
    if expires_at is None:
        return
    left = expires_at - clock.now()
    if left <= timedelta():
        raise InputRefused("expires_at", "past")
    if left > LONGEST_LIFE:
        raise InputRefused("expires_at", "too_far", years=LONGEST_LIFE.days // 365)


def require_overlap(overlap: timedelta) -> None:
    """Raise InputRefused for an overlap that is negative or too long."""
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InputRefused("overlap", "out_of_range", days=LONGEST_OVERLAP.days)


def require_within(granted: frozenset[Scope] | None, wanted: frozenset[Scope]) -> None:
    """Raise NotAllowed if a token, with the scopes `granted`, asks for one that may do more."""
    if granted is not None and not wanted <= granted:
        raise NotAllowed("a token may not make one that may do more than itself")
