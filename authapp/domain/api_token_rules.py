"""Rules for API tokens: names, scopes, lifetimes, and why a token no longer works."""

import unicodedata
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from authapp import clock
from authapp.errors import InputRefused, NotAllowed
from authapp.models import RevokeReason, Scope, Token
from authapp.token_cache.records import TokenRecord

NAME_CHARACTERS: Final = 100
MAX_LIFETIME: Final = timedelta(days=3653)
MAX_OVERLAP: Final = timedelta(days=30)

# Invisible, but several languages need them to spell words.
_JOINERS: Final = str.maketrans("", "", "\u200c\u200d")


def parse_name(raw: str) -> str:
    """Return a normalized name; raises InputRefused if it is empty, too long or unprintable."""
    trimmed = raw.strip()
    # Checked first: the time to normalize grows with the square of the length.
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
    """Return scopes by name; raises InputRefused if there are none, or one is unknown."""
    if not raw:
        raise InputRefused("scopes", "missing")
    scopes = frozenset(scope for scope in Scope if scope in raw)
    if len(scopes) < len(set(raw)):
        raise InputRefused("scopes", "unknown")
    return scopes


def written(scopes: frozenset[Scope]) -> str:
    """Return scopes as a token's row stores them, in a fixed order."""
    return " ".join(scope for scope in Scope if scope in scopes)


def granted_by(scopes: str) -> frozenset[Scope]:
    """Return the scopes of a token's row; a scope that no longer exists grants nothing."""
    words = scopes.split()
    return frozenset(scope for scope in Scope if scope in words)


def end_reason(token: Token | TokenRecord) -> str | None:
    """Return the RevokeReason of a token that no longer works; None while it works."""
    if token.revoked_at is not None:
        return token.revoke_reason or RevokeReason.REVOKED
    if token.expires_at is None or token.expires_at > clock.now():
        return None
    return RevokeReason.EXPIRED if token.replaced_by is None else RevokeReason.REPLACED


def require_life(expires_at: datetime | None) -> None:
    """Raise InputRefused for an expiry in the past, or more than MAX_LIFETIME away."""
    if expires_at is None:
        return
    left = expires_at - clock.now()
    if left <= timedelta():
        raise InputRefused("expires_at", "past")
    if left > MAX_LIFETIME:
        raise InputRefused("expires_at", "too_far", years=MAX_LIFETIME.days // 365)


def require_overlap(overlap: timedelta) -> None:
    """Raise InputRefused for an overlap that is negative or too long."""
    if not timedelta() <= overlap <= MAX_OVERLAP:
        raise InputRefused("overlap", "out_of_range", days=MAX_OVERLAP.days)


def require_within(granted: frozenset[Scope] | None, wanted: frozenset[Scope]) -> None:
    """Raise NotAllowed if a token with the scopes `granted` requests one with more."""
    if granted is not None and not wanted <= granted:
        raise NotAllowed("a token cannot create a token with more scopes than its own")
