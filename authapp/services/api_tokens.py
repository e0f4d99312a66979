"""API tokens as their owners manage them: create, list, rename, rotate and revoke."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity, security_notices
from authapp.domain.account_status import require_active
from authapp.domain.api_token_rules import (
    granted_by,
    parse_name,
    parse_scopes,
    require_life,
    require_overlap,
    require_within,
    written,
)
from authapp.domain.api_tokens import is_active_token, revoke_where
from authapp.domain.client import Client
from authapp.errors import Conflict, LimitReached, NotAllowed, NotFound
from authapp.models import (
    OPERATORS_SCOPES,
    Activity,
    RevokeReason,
    Scope,
    Token,
    TokenUse,
    User,
    db,
)
from authapp.models.changes import update_where
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import digest, make_api_token, new_secret
from authapp.token_cache import token_cache
from authapp.token_cache.records import TokenRecord, is_active

MOST: Final = 50
"""Largest number of tokens per user, not counting replaced ones."""


@dataclass(frozen=True)
class NewToken:
    """A new token; `value` is shown to its owner once and stored nowhere."""

    id: UUID
    value: str


@dataclass(frozen=True)
class ListedToken:
    """A token in its owner's list; its last use is accurate to the minute."""

    token: TokenRecord
    last_used_at: datetime | None
    last_used_address: str | None


def create(
    user_id: UUID,
    *,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None,
    client: Client,
    granted: frozenset[Scope] | None = None,
    key: str | None = None,
) -> NewToken:
    """Create a token and email its owner; without `expires_at` it never expires.

    `granted` is the set of scopes of the API token that makes the request, if one does: a token
    cannot create a stronger one. Scopes in OPERATORS_SCOPES need an operator's grant. Two requests
    with the same idempotency `key` create one token. Raises InputRefused, NotAllowed, LimitReached
    if the owner has MOST tokens, or Conflict if `key` was used before.
    """
    parsed_name, parsed_scopes = parse_name(name), parse_scopes(scopes)
    require_life(expires_at)
    require_within(granted, parsed_scopes)
    id = uuid4() if key is None else _id_for(user_id, key)
    with transaction():
        owner = require_active(user_id)
        _require_grantable(owner, parsed_scopes)
        _require_room(owner, id)
        token = Token(id=id, name=parsed_name, scopes=written(parsed_scopes), expires_at=expires_at)
        created = _issue(owner, token, client)
        details = {"name": parsed_name, "token": str(id)}
        activity.note(user_id, Activity.API_TOKEN_CREATED, client, **details)
    return created


def list_grantable(user_id: UUID) -> list[Scope]:
    """Return the scopes that a user can give to a token."""
    owner = db.session.get(User, user_id)
    return [scope for scope in Scope if owner is not None and _is_grantable(owner, scope)]


def list_tokens(user_id: UUID) -> list[ListedToken]:
    """Return a user's active tokens, oldest first."""
    records = token_cache.get_tokens_by_user(user_id)
    used = select(TokenUse).where(TokenUse.token_id.in_([record.id for record in records]))
    uses = {use.token_id: use for use in db.session.scalars(used)}
    return [_listed(record, uses.get(record.id)) for record in records]


def get_token(user_id: UUID, id: UUID) -> TokenRecord:
    """Return an active token of a user; raises NotFound for any other."""
    record = token_cache.get_token_by_id(id)
    if record is None or record.user_id != user_id or not is_active(record):
        raise NotFound("no such token")
    return record


def rename(user_id: UUID, id: UUID, name: str) -> None:
    """Rename a token; raises InputRefused or NotFound."""
    parsed_name = parse_name(name)
    with transaction():
        if not update_where(Token, is_active_token(user_id), Token.id == id, name=parsed_name):
            raise NotFound("no such token")


def rotate(
    user_id: UUID,
    id: UUID,
    *,
    overlap: timedelta,
    client: Client,
    granted: frozenset[Scope] | None = None,
) -> NewToken:
    """Replace a token with one of the same name, scopes and lifetime, and email its owner.

    The old value works for `overlap` longer, while programs switch to the new one. Raises
    InputRefused, NotAllowed (see `create`), NotFound, or Conflict if it was already replaced.
    """
    require_overlap(overlap)
    old, now, new_id = get_token(user_id, id), clock.now(), uuid4()
    require_within(granted, granted_by(old.scopes))
    ends = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
    expires_at = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    with transaction():
        owner = require_active(user_id)
        replaced = update_where(
            Token,
            is_active_token(user_id),
            Token.id == id,
            Token.replaced_by.is_(None),
            replaced_by=new_id,
            expires_at=ends,
        )
        if not replaced:
            raise Conflict("the token was already replaced or revoked")
        token = Token(id=new_id, name=old.name, scopes=old.scopes, expires_at=expires_at)
        created = _issue(owner, token, client)
        details = {"name": old.name, "token": str(id), "replaced_by": str(new_id)}
        activity.note(user_id, Activity.API_TOKEN_ROTATED, client, **details)
    return created


def revoke(user_id: UUID, id: UUID, *, client: Client) -> None:
    """Revoke a token, effective from its next use; raises NotFound if it is not active."""
    token = get_token(user_id, id)
    with transaction():
        which = is_active_token(user_id), Token.id == id
        if not revoke_where(user_id, RevokeReason.REVOKED, *which):
            raise NotFound("no such token")
        details = {"name": token.name, "token": str(id)}
        activity.note(user_id, Activity.API_TOKEN_REVOKED, client, **details)


def _listed(token: TokenRecord, use: TokenUse | None) -> ListedToken:
    if use is None:
        return ListedToken(token, None, None)
    return ListedToken(token, use.last_used_at, use.last_used_address)


def _id_for(user_id: UUID, key: str) -> UUID:
    """Return the token id for a user's idempotency key; other users' keys give other ids."""
    return UUID(bytes=digest(user_id.bytes + key.encode("utf-8", "surrogatepass"))[:16])


def _require_grantable(owner: User, scopes: frozenset[Scope]) -> None:
    for scope in scopes:
        if not _is_grantable(owner, scope):
            raise NotAllowed(f"only an operator can grant an account the scope {scope}")


def _is_grantable(owner: User, scope: Scope) -> bool:
    return scope not in OPERATORS_SCOPES or scope in granted_by(owner.granted_scopes)


def _require_room(owner: User, id: UUID) -> None:
    if db.session.get(Token, id) is not None:
        raise Conflict("this token was already created")
    counted = select(func.count()).where(is_active_token(owner.id), Token.replaced_by.is_(None))
    if (db.session.scalar(counted) or 0) >= MOST:
        raise LimitReached(MOST)


def _issue(owner: User, token: Token, client: Client) -> NewToken:
    """Generate the token's secret, and add the token and an email to the transaction."""
    secret = new_secret()
    value = make_api_token(current_settings().tokens.api_token_prefix, token.id, secret)
    token.user_id, token.digest, token.last_four = owner.id, digest(secret), value[-4:]
    db.session.add(token)
    security_notices.send(
        owner,
        "api_token_made",
        client=client,
        name=token.name,
        tokens_link=f"{current_settings().deployment.public_url}/account/tokens",
    )
    return NewToken(token.id, value)
