"""Checking tokens of any kind: who a token authenticates."""

from typing import NamedTuple

from authapp.config import current_settings
from authapp.domain import api_tokens, sessions
from authapp.domain.generations import Generation, generation_of
from authapp.domain.principal import Principal, TokenKind
from authapp.errors import TokenInvalid, TokenRefused
from authapp.token_cache import token_cache


def authenticate(value: str, *, address: str) -> Principal:
    """Return who an access token or API token authenticates.

    The use of an API token is recorded with its address. Raises TokenRefused; Unavailable if
    neither the cache nor the database can answer.
    """
    principal = token_cache.recall_verdict(value, Principal) or _verify(value)
    if principal.token_id is not None:
        token_cache.record_token_use(principal.token_id, address)
    return principal


def introspect(value: str) -> Principal | None:
    """Return who a token authenticates, or None if it is refused for any reason.

    The value's form shows its kind. Raises Unavailable if neither the cache nor the database can
    answer.
    """
    try:
        if token_cache.proven_refresh_claim(value) is not None:
            return refresh_token(value)
        return token_cache.recall_verdict(value, Principal) or _verify(value)
    except TokenRefused:
        return None


def _verify(value: str) -> Principal:
    if api_tokens.is_api_token(value):
        return api_tokens.check(value)
    return sessions.authenticate(value)


class RenewableSession(NamedTuple):
    """The verdict on a refresh token.

    It is not a Principal itself, so that `authenticate` never accepts a refresh token.
    """

    principal: Principal


def refresh_token(value: str) -> Principal:
    """Check that a refresh token could be used to renew its session; raises TokenRefused.

    Each process checks a token once, and again after its session changes.
    """
    known = token_cache.recall_verdict(value, RenewableSession)
    return known.principal if known is not None else _verify_refresh_token(value)


def _verify_refresh_token(value: str) -> Principal:
    claim = token_cache.proven_refresh_claim(value)
    session = token_cache.get_refresh_token_by_value(value)
    if claim is None or session is None:
        raise TokenInvalid("not an active refresh token")
    if sessions.end_reason(session) is not None:
        raise sessions.refusal(session)
    generation = generation_of(claim, session)
    if generation not in (Generation.CURRENT, Generation.PREVIOUS):
        raise TokenInvalid("not an active refresh token")
    principal = Principal(
        kind=TokenKind.REFRESH_TOKEN,
        user_id=session.user_id,
        session_id=session.id,
        roles=tuple(session.roles.split()),
        client_id=session.client_id,
        auth_time=session.auth_time,
        expires_at=session.expires_at,
    )
    overlap = current_settings().sessions.refresh_overlap
    token_cache.remember_verdict(
        value,
        RenewableSession(principal),
        [session],
        expires_at=session.rotated_at + overlap if generation is Generation.PREVIOUS else None,
    )
    return principal
