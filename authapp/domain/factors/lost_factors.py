"""Waiting times of owners who lost every second factor.

The account is warned while time passes, and anyone with its email or a signed-in device can stop
it. Only the right password starts one, and not one that an emailed link has set: otherwise, the
mailbox alone would be enough after the waiting time (ASVS 6.4.3).
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail, sms
from authapp.domain import activity, one_time_tokens, security_notices
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.email_addresses import email_key
from authapp.domain.factors.authentication_methods import PASSWORD
from authapp.errors import NotFound
from authapp.models import Activity, LostFactor, User, VerificationToken, VerificationType, db
from authapp.models.transaction import release_connection
from authapp.token_cache import token_cache

TYPE: Final = VerificationType.STOP_LOST_FACTOR

WINDOW: Final = timedelta(days=7)
"""How long after the waiting time the owner can sign in without a second factor."""

_TEXT_LIFETIME: Final = timedelta(days=1)


def get(user_id: UUID) -> LostFactor | None:
    """Return an account's waiting time, whether or not it is over; None if it has lapsed."""
    row = db.session.get(LostFactor, user_id, populate_existing=True)
    return row if row is not None and row.expires_at > clock.now() else None


def ends_at(user_id: UUID) -> datetime | None:
    """Return when an account's waiting time is over; None if there is none, or it has lapsed.

    Account pages show it. The cache has the links that stop it, and they expire with it.
    """
    links = token_cache.get_verification_tokens_by_user(user_id, TYPE)
    return links[0].expires_at - WINDOW if links else None


def add(user_id: UUID, wait: timedelta, client: Client) -> LostFactor:
    """Start a waiting time in the caller's transaction; one that has lapsed is replaced."""
    cancel(user_id)
    now = clock.now()
    row = LostFactor(
        user_id=user_id,
        address=client.address,
        user_agent=client.user_agent,
        created_at=now,
        remind_at=now + wait / 2,
        ends_at=now + wait,
        expires_at=now + wait + WINDOW,
    )
    db.session.add(row)
    return row


def cancel(user_id: UUID) -> bool:
    """End a waiting time in the caller's transaction, and return whether there was one.

    The caller locks the account first (`account_status.lock`), so that it is either stopped or
    used.
    """
    deleted = delete(LostFactor).where(LostFactor.user_id == user_id)
    if db.session.scalar(deleted.returning(LostFactor.user_id)) is None:
        return False
    one_time_tokens.void(user_id, TYPE)
    return True


def cancel_and_note(user_id: UUID, client: Client | None) -> None:
    """End a waiting time, if there is one, and record it in the account's activity."""
    if cancel(user_id):
        activity.note(user_id, Activity.LOST_FACTOR_STOPPED, client)


def prove(user: User, client: Client, methods: Collection[str]) -> None:
    """Record, in the caller's transaction, a used second factor, which cancels a waiting time.

    `methods` are those of its session. With the password among them, its user knows both: a
    password that an emailed link set may start waiting times from now on.
    """
    if PASSWORD in methods:
        user.password_from_email_at = None
    cancel_and_note(user.id, client)


def find_to_remind() -> UUID | None:
    """Return an account that has to be warned again; None if there is none."""
    now = clock.now()
    due = select(LostFactor.user_id).where(LostFactor.remind_at <= now, LostFactor.expires_at > now)
    found: UUID | None = db.session.scalar(due.order_by(LostFactor.remind_at).limit(1))
    release_connection()
    return found


def claim_reminder(user_id: UUID) -> LostFactor | None:
    """Return the waiting time of a locked account, and set the time of its next warning.

    The last warning is due when it is over. Returns None if another worker was faster.
    """
    row, now = get(user_id), clock.now()
    if row is None or row.remind_at is None or row.remind_at > now:
        return None
    row.remind_at = row.ends_at if now < row.ends_at else None
    return row


def warn(user: User, row: LostFactor, message: str) -> None:
    """Email every address of the account what will happen, and a link that stops it."""
    lifetime = row.expires_at - clock.now()
    public_url = current_settings().deployment.public_url
    for to in [user.email, *_former_addresses(user)]:
        value = one_time_tokens.add(user, TYPE, target=to, lifetime=lifetime)
        mail.enqueue(
            message,
            to=to,
            user_id=user.id,
            lifetime=lifetime,
            email=to,
            stop_link=f"{public_url}/lost-factor/stop/{value}",
            sign_in_link=f"{public_url}/login",
            started_at=row.created_at,
            ends_at=row.ends_at,
            expires_at=row.expires_at,
            address=row.address,
            device=device(row.user_agent),
        )


def tell(user: User, message: str, *, client: Client | None) -> None:
    """Email every address of the account what happened.

    Former addresses get no new "not me" link, which would work for longer than the one they have.
    """
    security_notices.send(user, message, client=client)
    for to in _former_addresses(user):
        mail.enqueue(
            message,
            to=to,
            user_id=user.id,
            email=to,
            not_me_link="",
            happened_at=clock.now(),
            address=client.address if client else "",
            device=device(client.user_agent) if client else None,
        )


def warn_by_text(user: User, row: LostFactor) -> None:
    """Send the end of the waiting time to a confirmed phone number, if texts can be sent."""
    if user.phone is not None and user.phone_verified_at is not None and sms.can_send():
        sms.enqueue(
            "lost_factor_started",
            to=user.phone,
            user_id=user.id,
            lifetime=_TEXT_LIFETIME,
            ends_at=row.ends_at,
        )


def require(user_id: UUID) -> LostFactor:
    """Return an account's waiting time; raises NotFound if there is none."""
    row = get(user_id)
    if row is None:
        raise NotFound("no waiting time has been started, or it has lapsed")
    return row


def _former_addresses(user: User) -> list[str]:
    """Return the former addresses whose link can still undo the change.

    Source: NIST SP 800-63B-4, section 4.6.
    """
    undoable = select(VerificationToken.target).where(
        VerificationToken.user_id == user.id,
        VerificationToken.type == VerificationType.NOT_ME,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
        VerificationToken.expires_at > clock.now(),
    )
    former = {email_key(target): target for target in db.session.scalars(undoable)}
    return [former[key] for key in sorted(former) if key != user.email_key]
