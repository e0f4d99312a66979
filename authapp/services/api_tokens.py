"""API tokens: made, listed, renamed, rotated, revoked, and checked when a program presents one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, or_, select

from authapp import clock
from authapp.config import current_settings
from authapp.errors import (
    Conflict,
    LimitReached,
    NotFound,
    ScopeMissing,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from authapp.models import Activity, RevokeReason, Scope, Token, TokenUse, User, db
from authapp.models.changes import update_where
from authapp.security.opaque_tokens import (
    digest,
    make_api_token,
    matches,
    new_secret,
    parse_api_token,
)
from authapp.services import activity, notices
from authapp.services.api_token_rules import (
    granted_by,
    parse_name,
    parse_scopes,
    require_life,
    require_overlap,
    require_within,
    why_over,
    written,
)
from authapp.services.origin import Origin
from authapp.services.standing import require_standing, require_verified
from authapp.token_cache import token_cache
from authapp.token_cache.records import TokenRecord, is_active

MOST: Final = 50
"""Tokens that one person may have at a time, replaced ones not counted."""


@dataclass(frozen=True)
class NewToken:
    """A token that was just made: `value` is for its owner's eyes, now and never again."""

    id: UUID
    value: str


@dataclass(frozen=True)
class ListedToken:
    """A token in its owner's list; when it was last used is known to the minute."""

    token: TokenRecord
    last_used_at: datetime | None
    last_used_address: str | None


@dataclass(frozen=True)
class TokenIdentity:
    """On whose behalf a program asks, with which token, and what that may be used for."""

    user_id: UUID
    token_id: UUID
    scopes: frozenset[Scope]
    expires_at: datetime | None


def create(
    user_id: UUID,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    origin: Origin,
    granted: frozenset[Scope] | None = None,
    key: str | None = None,
) -> NewToken:
    """Make a token, and mail its owner; without `expires_at` it never expires.

    `granted` are the scopes of the token that asks, where it is one: none may make a stronger
    one. Whoever asks twice with one `key` gets one token. Raises InputRefused, NotAllowed,
    LimitReached where its owner has MOST already, or Conflict where the key has made its token.
    """
    kept_name, kept_scopes = parse_name(name), parse_scopes(scopes)
    require_life(expires_at)
    require_within(granted, kept_scopes)
    id = uuid4() if key is None else _id_for(user_id, key)
    owner = require_verified(user_id)
    _require_room(owner, id)
    made = _issue(
        owner,
        Token(id=id, name=kept_name, scopes=written(kept_scopes), expires_at=expires_at),
        origin,
    )
    activity.note(user_id, Activity.API_TOKEN_MADE, origin, name=kept_name)
    db.session.commit()
    return made


def list_tokens(user_id: UUID) -> list[ListedToken]:
    """Return the tokens that still work, oldest first."""
    records = token_cache.get_tokens_by_user(user_id)
    used = select(TokenUse).where(TokenUse.token_id.in_([record.id for record in records]))
    uses = {use.token_id: use for use in db.session.scalars(used)}
    return [_listed(record, uses.get(record.id)) for record in records]


def get_token(user_id: UUID, id: UUID) -> TokenRecord:
    """Return one of somebody's tokens that still work; raises NotFound for any other."""
    record = token_cache.get_token_by_id(id)
    if record is None or record.user_id != user_id or not is_active(record):
        raise NotFound("no such token")
    return record


def rename(user_id: UUID, id: UUID, name: str) -> None:
    """Give a token another name; raises InputRefused or NotFound."""
    renamed = update_where(Token, *_working(user_id), Token.id == id, name=parse_name(name))
    if not renamed:
        db.session.rollback()
        raise NotFound("no such token")
    db.session.commit()


def rotate(
    user_id: UUID,
    id: UUID,
    *,
    overlap: timedelta,
    origin: Origin,
    granted: frozenset[Scope] | None = None,
) -> NewToken:
    """Replace a token by one of the same name, scopes and length of life, and mail its owner.

    The old value works for `overlap` more, while programs learn the new one. Raises InputRefused,
    NotAllowed (see `create`), NotFound, or Conflict where it was replaced already.
    """
    require_overlap(overlap)
    old, now, new_id = get_token(user_id, id), clock.now(), uuid4()
    require_within(granted, granted_by(old.scopes))
    owner = require_standing(user_id)
    ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
    replaced = update_where(
        Token,
        *_working(user_id),
        Token.id == id,
        Token.replaced_by.is_(None),
        replaced_by=new_id,
        expires_at=ends,
    )
    if not replaced:
        db.session.rollback()
        raise Conflict("the token was replaced or revoked already")
    expires_at = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    made = _issue(
        owner,
        Token(id=new_id, name=old.name, scopes=old.scopes, expires_at=expires_at),
        origin,
    )
    activity.note(user_id, Activity.API_TOKEN_ROTATED, origin, name=old.name)
    db.session.commit()
    return made


def revoke(user_id: UUID, id: UUID, *, origin: Origin) -> None:
    """Refuse a token from its next use on; raises NotFound for one that does not work anyway."""
    token = get_token(user_id, id)
    if not _end(RevokeReason.REVOKED, *_working(user_id), Token.id == id):
        db.session.rollback()
        raise NotFound("no such token")
    activity.note(user_id, Activity.API_TOKEN_REVOKED, origin, name=token.name)
    db.session.commit()


def revoke_all(user_id: UUID, reason: RevokeReason) -> int:
    """Revoke all of somebody's tokens, in the caller's transaction; return how many."""
    return len(_end(reason, Token.user_id == user_id))


def is_one(value: str) -> bool:
    """Tell by its prefix whether a value claims to be an API token, and no other kind of token."""
    # A refresh token may begin with the same letters, but has dots.
    return value.startswith(f"{current_settings().api_token_prefix}_") and "." not in value


def authenticate(value: str, *, origin: Origin) -> TokenIdentity:
    """Check a token that a program presents, and note its use.

    Raises TokenInvalid, TokenExpired or TokenRevoked; Unavailable when nothing can answer.
    """
    identity = check(value)
    token_cache.note_token_use(identity.token_id, origin.address)
    return identity


def check(value: str) -> TokenIdentity:
    """Check a token that somebody asks about: what `authenticate` does, without noting a use."""
    record = token_cache.get_token_by_value(value)
    if record is None or not is_active(record):
        raise _why_refused(value)
    scopes = granted_by(record.scopes)
    return TokenIdentity(record.user_id, record.id, scopes, record.expires_at)


def require_scope(identity: TokenIdentity, scope: Scope) -> None:
    """Raise ScopeMissing unless the token may be used for this."""
    if scope not in identity.scopes:
        raise ScopeMissing(scope)


def find(value: str) -> Token | None:
    """Return the row that a value proves, whether or not it still works; asks the database."""
    claimed = parse_api_token(current_settings().api_token_prefix, value)
    row = db.session.get(Token, claimed.id) if claimed else None
    return row if claimed and row and matches(claimed.secret, row.digest) else None


def _listed(token: TokenRecord, use: TokenUse | None) -> ListedToken:
    if use is None:
        return ListedToken(token, None, None)
    return ListedToken(token, use.last_used_at, use.last_used_address)


def _id_for(user_id: UUID, key: str) -> UUID:
    """Return the id that one key of one person's makes, and nobody else's."""
    return UUID(bytes=digest(user_id.bytes + key.encode("utf-8", "surrogatepass"))[:16])


def _require_room(owner: User, id: UUID) -> None:
    counted = select(func.count()).where(*_working(owner.id), Token.replaced_by.is_(None))
    if db.session.get(Token, id) is not None:
        db.session.rollback()
        raise Conflict("this token was made already")
    if (db.session.scalar(counted) or 0) >= MOST:
        db.session.rollback()
        raise LimitReached(MOST)


def _issue(owner: User, token: Token, origin: Origin) -> NewToken:
    """Give a token its secret, and add it and its mail to the transaction."""
    secret = new_secret()
    value = make_api_token(current_settings().api_token_prefix, token.id, secret)
    token.user_id, token.digest, token.last_four = owner.id, digest(secret), value[-4:]
    db.session.add(token)
    notices.send(owner, "api_token_made", origin=origin, name=token.name)
    return NewToken(token.id, value)


def _end(reason: RevokeReason, *conditions: ColumnElement[bool]) -> list[UUID]:
    return update_where(
        Token,
        *conditions,
        Token.revoked_at.is_(None),
        revoked_at=clock.now(),
        revoke_reason=reason,
    )


def _working(user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Say in SQL which of somebody's tokens still work."""
    lives = or_(Token.expires_at.is_(None), Token.expires_at > clock.now())
    return Token.user_id == user_id, Token.revoked_at.is_(None), lives


def _why_refused(value: str) -> Exception:
    """Ask the database why a value does not work; only its holder learns more than 'invalid'."""
    row = find(value)
    reason = why_over(row) if row else None
    if reason is None:
        return TokenInvalid("no such token")
    if reason == RevokeReason.EXPIRED:
        return TokenExpired("the token is too old", reason)
    return TokenRevoked(reason)
