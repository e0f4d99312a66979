"""API tokens as programs present them: checking, looking up and revoking them."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import audit
from authapp.domain.api_token_rules import end_reason, granted_by
from authapp.domain.principal import Principal, TokenKind
from authapp.errors import TokenExpired, TokenInvalid, TokenRevoked
from authapp.models import Activity, RevokeReason, Scope, Token, db
from authapp.models.changes import update_where
from authapp.security.opaque_tokens import matches, parse_api_token
from authapp.token_cache import token_cache
from authapp.token_cache.records import is_active


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenIdentity(Principal):
    """Who an API token authenticates, and what it may be used for."""

    kind: TokenKind = TokenKind.API_TOKEN
    token_id: UUID
    scopes: frozenset[Scope]


def is_api_token(value: str) -> bool:
    """Return whether a value has the form of an API token."""
    # A refresh token may begin with the same letters, but has dots.
    return value.startswith(f"{current_settings().tokens.api_token_prefix}_") and "." not in value


def check(value: str) -> TokenIdentity:
    """Return who an API token authenticates; the caller records the use.

    Raises TokenInvalid, TokenExpired or TokenRevoked; Unavailable if neither the cache nor the
    database can answer.
    """
    record = token_cache.get_token_by_value(value)
    if record is None or not is_active(record):
        raise _refusal(value)
    identity = TokenIdentity(
        user_id=record.user_id,
        token_id=record.id,
        scopes=granted_by(record.scopes),
        expires_at=record.expires_at,
    )
    token_cache.remember_verdict(value, identity, [record])
    return identity


def find(value: str) -> Token | None:
    """Return the row of a token by its value, active or not; reads the database."""
    claimed = parse_api_token(current_settings().tokens.api_token_prefix, value)
    row = db.session.get(Token, claimed.id) if claimed else None
    return row if claimed and row and matches(claimed.secret, row.digest) else None


def revoke_where(
    user_id: UUID, reason: RevokeReason, *conditions: ColumnElement[bool]
) -> list[UUID]:
    """Revoke the tokens of a user that meet the conditions, and return their ids.

    The audit log has each of them, for programs that keep what they know about a token. Tokens that
    are already revoked do not change.
    """
    is_theirs, is_unrevoked = Token.user_id == user_id, Token.revoked_at.is_(None)
    revoked = update_where(
        Token,
        is_theirs,
        is_unrevoked,
        *conditions,
        revoked_at=clock.now(),
        revoke_reason=reason,
    )
    by = audit.OWNER if reason is RevokeReason.REVOKED else audit.SYSTEM
    for id in revoked:
        details = {"token": str(id), "reason": str(reason)}
        audit.record(Activity.API_TOKEN_REVOKED, account_id=user_id, by=by, details=details)
    return revoked


def revoke_all(user_id: UUID, reason: RevokeReason) -> int:
    """Revoke all of a user's tokens, and return how many were active."""
    return len(revoke_where(user_id, reason))


def has_active(user_id: UUID) -> bool:
    """Return whether a user has an active token, according to the caller's transaction."""
    found = select(Token.id).where(is_active_token(user_id)).limit(1)
    return db.session.scalar(found) is not None


def is_active_token(user_id: UUID) -> ColumnElement[bool]:
    """Return the condition that a token is one of a user's active ones."""
    unexpired = or_(Token.expires_at.is_(None), Token.expires_at > clock.now())
    return and_(Token.user_id == user_id, Token.revoked_at.is_(None), unexpired)


def _refusal(value: str) -> Exception:
    """Return the error for a refused value; it gives a reason only if the secret is correct."""
    row = find(value)
    reason = end_reason(row) if row else None
    if reason is None:
        return TokenInvalid("no such token")
    if reason == RevokeReason.EXPIRED:
        return TokenExpired("the token has expired", reason)
    return TokenRevoked(reason)
