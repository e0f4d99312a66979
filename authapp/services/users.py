"""Accounts as an operator sees to them."""

import secrets
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import Conflict, NotFound
from authapp.models import (
    Activity,
    ActivityEvent,
    EndReason,
    RefreshToken,
    Token,
    User,
    VerificationType,
    db,
)
from authapp.security.passwords import hash_password
from authapp.services import activity, endings, sessions, standing, verification
from authapp.services.email_addresses import email_key, find_owner, parse_email

SHOWN: Final = 10
"""How many of the latest sessions, tokens and events are shown."""


@dataclass(frozen=True)
class Description:
    """An account and the latest of what belongs to it, newest first."""

    user: User
    sessions: list[RefreshToken]
    tokens: list[Token]
    events: list[ActivityEvent]


def find(named: str) -> User:
    """Return the account of an e-mail address or an id; raises NotFound."""
    try:
        user = db.session.get(User, UUID(named))
    except ValueError:
        user = find_owner(named)
    if user is None:
        raise NotFound(f"there is no account {named[:80]!a}")
    return user


def create(email: str) -> UUID:
    """Make an account, and mail a link with which its owner chooses the password.

    Raises InputRefused for what is no address, and Conflict for one that has an account. Source:
    ASVS 6.4.6, no operator chooses or learns a password.
    """
    address = parse_email(email)
    nobody_knows = hash_password(secrets.token_urlsafe(32))
    user = User(email=address, email_key=email_key(address), password_hash=nobody_knows)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as error:
        db.session.rollback()
        raise Conflict(f"{address} has an account already") from error
    activity.note(user.id, Activity.REGISTERED, None)
    _invite(user)
    user_id = user.id
    db.session.commit()
    return user_id


def describe(user_id: UUID) -> Description:
    """Return an account with the latest of its sessions, tokens and activity."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    return Description(
        user=user,
        sessions=_latest(RefreshToken, user_id, RefreshToken.last_used_at),
        tokens=_latest(Token, user_id, Token.created_at),
        events=activity.list_recent(user_id)[:SHOWN],
    )


def disable(user_id: UUID) -> None:
    """Let nobody in any more, and end at once all that is in use."""
    user = standing.take(user_id)
    user.disabled_at = user.disabled_at or clock.now()
    endings.end_everything(user_id, EndReason.DISABLED)
    activity.note(user_id, Activity.ACCOUNT_DISABLED, None)
    db.session.commit()


def enable(user_id: UUID) -> None:
    """Let its owner in again; what was ended stays so."""
    standing.take(user_id).disabled_at = None
    activity.note(user_id, Activity.ACCOUNT_ENABLED, None)
    db.session.commit()


def sign_out(user_id: UUID) -> int:
    """End every session, and return how many there were; API tokens go on."""
    standing.take(user_id)
    ended = sessions.end_all(user_id, EndReason.SIGNED_OUT_BY_OPERATOR)
    activity.note(user_id, Activity.SIGNED_OUT_BY_OPERATOR, None)
    db.session.commit()
    return ended


def _invite(user: User) -> None:
    settings = current_settings()
    lifetime = settings.invitation_lifetime
    value = verification.add(
        user, VerificationType.PASSWORD_RESET, target=user.email, lifetime=lifetime
    )
    mail.enqueue(
        "invitation",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.public_url}/password/reset/{value}",
        expires_at=clock.now() + lifetime,
    )


def _latest(model: type[Any], user_id: UUID, when: Any) -> list[Any]:
    found = select(model).where(model.user_id == user_id)
    return list(db.session.scalars(found.order_by(when.desc(), model.id).limit(SHOWN)))
