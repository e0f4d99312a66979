"""Explaining a token of any kind to an operator: its owner, its status and the reason."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import sessions
from authapp.domain.api_token_rules import end_reason
from authapp.errors import NotFound, TokenExpired, TokenInvalid
from authapp.models import JWTKey, KeyState, RefreshToken, Token, TokenUse, VerificationToken, db
from authapp.security import jwt
from authapp.security.keyring import parse_public
from authapp.security.opaque_tokens import matches, parse_api_token, parse_link_token
from authapp.token_cache import token_cache

EXPIRED: Final = "expired"
FORGED: Final = "forged"
"""The id belongs to one of our tokens, but the secret or the signature is wrong."""

Facts = dict[str, datetime | str | None]


@dataclass(frozen=True)
class Explained:
    """A token without its secret; `refusal` is why it is refused, or None if it works.

    `facts` has its times and other properties, in display order.
    """

    kind: str
    id: UUID
    user_id: UUID | None
    refusal: str | None
    facts: Facts


def explain(text: str) -> Explained:
    """Explain a value, the id of a row, or the kid of a signing key.

    Reads only the database. Raises NotFound for anything that is not one of our tokens.
    """
    for find in (_by_id, _by_kid, _by_api_token, _by_link, _by_refresh_token, _by_access_token):
        found = find(text)
        if found is not None:
            return found
    raise NotFound("neither a token of this site nor the id of one")


def _by_id(text: str) -> Explained | None:
    try:
        id = UUID(text)
    except ValueError:
        return None
    for model, explained in _EXPLAINED.items():
        row = db.session.get(model, id)
        if row is not None:
            return explained(row)
    return None


def _by_kid(text: str) -> Explained | None:
    key = _key(text)
    return _jwt_key(key) if key else None


def _by_api_token(text: str) -> Explained | None:
    claim = parse_api_token(current_settings().tokens.api_token_prefix, text)
    token = db.session.get(Token, claim.id) if claim else None
    if claim is None or token is None:
        return None
    return _unless_forged(_api_token(token), matches(claim.secret, token.digest))


def _by_link(text: str) -> Explained | None:
    claim = parse_link_token(text)
    link = db.session.get(VerificationToken, claim.id) if claim else None
    if claim is None or link is None:
        return None
    return _unless_forged(_link(link), matches(claim.secret, link.digest))


def _by_refresh_token(text: str) -> Explained | None:
    claim = token_cache.proven_refresh_claim(text)
    session = db.session.get(RefreshToken, claim.session_id) if claim else None
    if claim is None or session is None:
        return None
    refusal = sessions.end_reason(session)
    if refusal is None and claim.generation != session.generation:
        refusal = f"generation {claim.generation} was rotated"
    return replace(_session(session), kind="refresh token", refusal=refusal)


def _by_access_token(text: str) -> Explained | None:
    """Explain a JWT by the session and the key that it names; its signature is checked too."""
    try:
        unverified = jwt.peek(text)
    except TokenInvalid:
        return None
    key, session = _key(unverified.kid), db.session.get(RefreshToken, unverified.session_id)
    if key is None or session is None:
        return None
    return replace(
        _session(session),
        kind="access token",
        refusal=_why_refused(text, key) or sessions.end_reason(session),
        facts={"key": key.kid, "key state": key.state, **_session(session).facts},
    )


def _why_refused(value: str, key: JWTKey) -> str | None:
    settings = current_settings()
    try:
        jwt.verify(
            value,
            key=parse_public(key.public_jwk),
            algorithm=key.algorithm,
            issuer=settings.tokens.jwt_issuer,
            audience=settings.tokens.jwt_audience,
            clock_skew=settings.tokens.clock_skew,
        )
    except TokenExpired:
        return EXPIRED
    except TokenInvalid:
        return FORGED
    return None if key.state in (KeyState.ACTIVE, KeyState.RETIRED) else f"key {key.state}"


def _key(kid: str) -> JWTKey | None:
    if not re.fullmatch(r"[0-9A-Za-z_-]{43}", kid):
        return None
    return db.session.scalars(select(JWTKey).where(JWTKey.kid == kid)).one_or_none()


def _unless_forged(explained: Explained, is_proven: bool) -> Explained:
    return explained if is_proven else replace(explained, refusal=FORGED)


def _api_token(token: Token) -> Explained:
    use = db.session.get(TokenUse, token.id)
    return Explained(
        "API token",
        token.id,
        token.user_id,
        end_reason(token),
        {
            "name": token.name,
            "last four": token.last_four,
            "scopes": token.scopes,
            "created": token.created_at,
            "expires": token.expires_at,
            "last used": use.last_used_at if use else None,
            "last used from": use.last_used_address if use else None,
            "replaced by": str(token.replaced_by) if token.replaced_by else None,
            "revoked": token.revoked_at,
        },
    )


def _session(session: RefreshToken) -> Explained:
    return Explained(
        "session",
        session.id,
        session.user_id,
        sessions.end_reason(session),
        {
            "generation": str(session.generation),
            "signed in": session.created_at,
            "signed in from": session.created_address,
            "password entered": session.auth_time,
            "rotated": session.rotated_at,
            "last used from": session.last_used_address,
            "expires": session.expires_at,
            "ended": session.ended_at,
        },
    )


def _link(link: VerificationToken) -> Explained:
    is_expired = link.expires_at <= clock.now()
    refusal = EXPIRED if is_expired else None
    if link.used_at is not None or link.revoked_at is not None:
        refusal = "used" if link.used_at is not None else "replaced"
    return Explained(
        "link or code",
        link.id,
        link.user_id,
        refusal,
        {
            "for": link.type,
            "sent to": link.target,
            "created": link.created_at,
            "expires": link.expires_at,
            "used": link.used_at,
            "replaced": link.revoked_at,
        },
    )


def _jwt_key(key: JWTKey) -> Explained:
    is_expired = key.expires_at is not None and key.expires_at <= clock.now()
    refusal = "revoked" if key.state == KeyState.REVOKED else EXPIRED if is_expired else None
    return Explained(
        "signing key",
        key.id,
        None,
        refusal,
        {
            "kid": key.kid,
            "key state": key.state,
            "created": key.created_at,
            "activated": key.activated_at,
            "retired": key.retired_at,
            "revoked": key.revoked_at,
            "verifies until": key.expires_at,
        },
    )


_EXPLAINED: Final[dict[type[Any], Callable[[Any], Explained]]] = {
    Token: _api_token,
    RefreshToken: _session,
    VerificationToken: _link,
    JWTKey: _jwt_key,
}
