"""Whom a token of any kind authenticates; asking consumes nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from authapp.errors import TokenInvalid, TokenRefused
from authapp.models import Scope
from authapp.services import api_tokens, sessions
from authapp.services.generations import Generation, generation_of
from authapp.services.origin import Origin
from authapp.token_cache import token_cache


class TokenKind(StrEnum):
    """The kind of a token; each is good for one thing only."""

    ACCESS_TOKEN = "access_token"
    REFRESH_TOKEN = "refresh_token"
    API_TOKEN = "api_token"


@dataclass(frozen=True)
class Principal:
    """Whom a valid token authenticates, and by which session or API token.

    `scopes` is None for a session, which may do anything its user may.
    """

    kind: TokenKind
    user_id: UUID
    session_id: UUID | None
    token_id: UUID | None
    scopes: frozenset[Scope] | None
    auth_time: datetime | None
    expires_at: datetime | None


def introspect(value: str) -> Principal | None:
    """Return whom a token authenticates; None if it does not work, for any reason.

    The form of a value says of which kind it is. Raises Unavailable when nothing can answer.
    """
    try:
        if api_tokens.is_one(value):
            return api_token(value)
        if token_cache.proven_refresh_claim(value) is not None:
            return refresh_token(value)
        return access_token(value)
    except TokenRefused:
        return None


def access_token(value: str) -> Principal:
    """Check an access token; raises TokenRefused."""
    found = sessions.authenticate(value)
    return Principal(
        TokenKind.ACCESS_TOKEN,
        found.user_id,
        session_id=found.session_id,
        token_id=None,
        scopes=None,
        auth_time=found.auth_time,
        expires_at=found.token_expires_at,
    )


def api_token(value: str, *, used_from: Origin | None = None) -> Principal:
    """Check an API token, and note its use if `used_from` says who used it; raises TokenRefused."""
    found = (
        api_tokens.authenticate(value, origin=used_from) if used_from else api_tokens.check(value)
    )
    return Principal(
        TokenKind.API_TOKEN,
        found.user_id,
        session_id=None,
        token_id=found.token_id,
        scopes=found.scopes,
        auth_time=None,
        expires_at=found.expires_at,
    )


def refresh_token(value: str) -> Principal:
    """Check that a refresh token could be used to renew its session; raises TokenRefused."""
    claim = token_cache.proven_refresh_claim(value)
    session = token_cache.get_refresh_token_by_value(value)
    if claim is None or session is None:
        raise TokenInvalid("not a refresh token that works")
    if sessions.why_over(session) is not None:
        raise sessions.refusal(session)
    if generation_of(claim, session) not in (Generation.CURRENT, Generation.PREVIOUS):
        raise TokenInvalid("not a refresh token that works")
    return Principal(
        TokenKind.REFRESH_TOKEN,
        session.user_id,
        session_id=session.id,
        token_id=None,
        scopes=None,
        auth_time=session.auth_time,
        expires_at=session.expires_at,
    )
