"""Account management for operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import or_, select

from authapp import clock
from authapp.domain import account_status, activity, api_tokens, one_time_tokens, sessions
from authapp.domain.api_token_rules import granted_by, written
from authapp.domain.email_addresses import find_account
from authapp.domain.factors import lost_factors, remembered_devices
from authapp.domain.limits import code_guesses
from authapp.domain.revoke_all import revoke_all
from authapp.errors import NotFound
from authapp.models import (
    PROTECTIVE_LINKS,
    Activity,
    ActivityEvent,
    EndReason,
    RefreshToken,
    RevokeReason,
    Scope,
    Token,
    User,
    db,
)
from authapp.models.lookups import has_row
from authapp.models.transaction import transaction
from authapp.services.activity import list_recent
from authapp.services.second_factors import Overview, overview

SHOWN: Final = 10
"""Maximum number of sessions, of tokens and of events in a description."""

_BATCH: Final = 100
"""Accounts that are signed out in one transaction."""


class SignedOut(NamedTuple):
    """How many sessions were ended, and how many API tokens revoked."""

    sessions: int
    tokens: int


@dataclass(frozen=True)
class Description:
    """An account with its second factors, and its latest sessions, tokens and events.

    `waits_until` is when an owner who lost the second factors can sign in without them.
    """

    user: User
    sessions: list[RefreshToken]
    tokens: list[Token]
    events: list[ActivityEvent]
    second_factors: Overview
    waits_until: datetime | None


def find(named: str) -> User:
    """Return the account with an email address or an id; raises NotFound."""
    try:
        user = db.session.get(User, UUID(named))
    except ValueError:
        user = find_account(named)
    if user is None:
        raise NotFound(f"no such account: {named[:80]!a}")
    return user


def describe(user_id: UUID) -> Description:
    """Return an account with the latest of its sessions, tokens and activity."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    waiting = lost_factors.get(user_id)
    return Description(
        user=user,
        sessions=_latest(RefreshToken, user_id, RefreshToken.last_used_at),
        tokens=_latest(Token, user_id, Token.created_at),
        events=list_recent(user_id)[:SHOWN],
        second_factors=overview(user_id),
        waits_until=waiting.ends_at if waiting is not None else None,
    )


def allow_codes(user_id: UUID) -> None:
    """Forget the wrong codes of an account, for an owner who ran out of guesses."""
    with transaction():
        account_status.lock(user_id)
        code_guesses.forgive_account(user_id)


def disable(user_id: UUID) -> None:
    """Disable the account, and revoke its sessions, tokens and links at once."""
    with transaction():
        user = account_status.lock(user_id)
        user.disabled_at = user.disabled_at or clock.now()
        revoke_all(user_id, EndReason.DISABLED)
        activity.note(user_id, Activity.ACCOUNT_DISABLED, None)


def enable(user_id: UUID) -> None:
    """Allow the user to sign in again; what was revoked stays revoked."""
    with transaction():
        account_status.lock(user_id).disabled_at = None
        activity.note(user_id, Activity.ACCOUNT_ENABLED, None)


def grant(user_id: UUID, scope: Scope) -> None:
    """Allow the account to create API tokens with one of OPERATORS_SCOPES."""
    with transaction():
        user = account_status.lock(user_id)
        user.granted_scopes = written(granted_by(user.granted_scopes) | {scope})
        activity.note(user_id, Activity.SCOPE_GRANTED, None, scope=scope)


def withdraw(user_id: UUID, scope: Scope) -> int:
    """Undo `grant`, revoke the account's tokens with the scope, and return how many there were."""
    with transaction():
        user = account_status.lock(user_id)
        user.granted_scopes = written(granted_by(user.granted_scopes) - {scope})
        tokens = db.session.scalars(select(Token).where(api_tokens.is_active_token(user_id)))
        ids = [token.id for token in tokens if scope in granted_by(token.scopes)]
        reason = RevokeReason.SCOPE_WITHDRAWN
        revoked = api_tokens.revoke_where(user_id, reason, Token.id.in_(ids))
        activity.note(user_id, Activity.SCOPE_WITHDRAWN, None, scope=scope)
    return len(revoked)


def sign_out(user_id: UUID, *, tokens: bool = False) -> SignedOut:
    """End every session and forget every device, and return what was active.

    `tokens` also revokes every API token and link, except the links that protect the account.
    """
    with transaction():
        return _sign_out(user_id, tokens=tokens)


def sign_out_everyone(*, tokens: bool) -> Iterator[SignedOut]:
    """Sign every account out, in batches; yield what each batch ended."""
    after = UUID(int=0)
    while batch := _batch_to_sign_out(after, tokens=tokens):
        with transaction():
            ended = [_sign_out(user_id, tokens=tokens) for user_id in batch]
        yield SignedOut(*(sum(numbers) for numbers in zip(*ended, strict=True)))
        after = batch[-1]


def _sign_out(user_id: UUID, *, tokens: bool) -> SignedOut:
    account_status.lock(user_id)
    reason = EndReason.SIGNED_OUT_BY_OPERATOR
    remembered_devices.forget(user_id)
    ended = SignedOut(sessions=sessions.end_all(user_id, reason), tokens=0)
    if tokens:
        revoked = api_tokens.revoke_all(user_id, RevokeReason(reason))
        ended = ended._replace(tokens=revoked)
        one_time_tokens.void_all(user_id, but=PROTECTIVE_LINKS)
    activity.note(user_id, Activity.SIGNED_OUT_BY_OPERATOR, None)
    return ended


def _batch_to_sign_out(after: UUID, *, tokens: bool) -> list[UUID]:
    """Return the ids of the next accounts with a session or a device, or a token if `tokens`.

    They are sorted, so that two commands lock accounts in the same order.
    """
    session = RefreshToken.user_id == User.id, RefreshToken.ended_at.is_(None)
    has_session = has_row(RefreshToken.id, *session)
    has_token = has_row(Token.id, Token.user_id == User.id, Token.revoked_at.is_(None))
    has_access = or_(has_session, remembered_devices.belongs_to(User.id))
    if tokens:
        has_access = or_(has_access, has_token)
    found = select(User.id).where(User.id > after, has_access).order_by(User.id).limit(_BATCH)
    return list(db.session.scalars(found))


def _latest(model: type[Any], user_id: UUID, when: Any) -> list[Any]:
    found = select(model).where(model.user_id == user_id)
    return list(db.session.scalars(found.order_by(when.desc(), model.id).limit(SHOWN)))
