"""Setting a new password by an emailed link."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import delete, select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import TokenInvalid, TooManyAttempts
from authapp.models import (
    Activity,
    EndReason,
    PasswordResetRequest,
    RevokeReason,
    User,
    VerificationType,
    db,
)
from authapp.services import (
    activity,
    api_tokens,
    attempts,
    passwords,
    sessions,
    sign_in_limits,
    standing,
    verification,
)
from authapp.services.attempts import Limit
from authapp.services.devices import device
from authapp.services.email_addresses import email_key, find_owner, parse_email
from authapp.services.origin import Origin
from authapp.token_cache.records import VerificationTokenRecord

BY_CLIENT: Final = Limit("password_reset_by_client", most=20, within=timedelta(hours=1))
BY_ADDRESS: Final = Limit("password_reset_by_address", most=3, within=timedelta(hours=1))


def request(email: str, *, origin: Origin) -> None:
    """Note that somebody asks for a link; a worker mails it if the address has an account.

    Nothing here looks for the account, so that neither the answer nor the time that it takes
    depends on there being one (ASVS 6.3.8). Raises InputRefused for what is no address, and
    TooManyAttempts for a client that asks too often.
    """
    address = parse_email(email)
    attempts.spend(BY_CLIENT, origin.network)
    try:
        attempts.spend(BY_ADDRESS, email_key(address))
    except TooManyAttempts:
        # The links that were mailed still work; whoever floods a mailbox is not told that it ends.
        return
    db.session.add(
        PasswordResetRequest(email=address, address=origin.address, user_agent=origin.user_agent)
    )
    db.session.commit()


def answer_requests() -> int:
    """Mail a link for every request whose address has an account; returns how many requests."""
    answered = 0
    while _answer_oldest():
        answered += 1
    return answered


def check(value: str) -> VerificationTokenRecord:
    """Return the link, and use nothing up: a GET changes nothing.

    Raises what `reset` raises of the link.
    """
    record = verification.require(value, VerificationType.PASSWORD_RESET)
    _require_receiver(db.session.get(User, record.user_id), record)
    return record


def reset(value: str, new_password: str, *, origin: Origin) -> UUID:
    """Use the link up, set the password, end every session, and return whose they were.

    API tokens go on, unless nobody had shown that the address is theirs when they were made.

    Raises InputRefused for a password that is not acceptable, which leaves the link as it was;
    TokenInvalid for an account that is disabled or has another address by now; and what
    `verification.claim` raises.
    """
    link = check(value)
    hashed = passwords.hash_new_password(new_password, field="new_password", context=[link.target])
    # Whoever signs in with the old password at this moment comes before us, or is refused.
    user = _require_receiver(standing.take(link.user_id), link)
    verification.claim(value, VerificationType.PASSWORD_RESET)
    # A new password is what a frozen account waits for.
    user.frozen_at = None
    passwords.replace(user, hashed, Activity.PASSWORD_RESET, origin=origin)
    sessions.end_all(user.id, EndReason.PASSWORD_CHANGED)
    sign_in_limits.forgive_strangers(user.email)
    if user.email_verified_at is None:
        # Whoever made them had not shown that the mailbox is theirs, and may be somebody else.
        api_tokens.revoke_all(user.id, RevokeReason.ADDRESS_PROVEN)
    # Whoever had the link reads the mailbox.
    user.email_verified_at = user.email_verified_at or clock.now()
    user_id = user.id
    db.session.commit()
    return user_id


def _answer_oldest() -> bool:
    """Answer one request; deleting it is what claims it, so that no two workers answer it."""
    # Most of the time there is none, and a DELETE would make SQLite's other writers wait.
    if db.session.scalar(select(PasswordResetRequest.id).limit(1)) is None:
        db.session.rollback()
        return False
    waiting = select(PasswordResetRequest.id).order_by(PasswordResetRequest.created_at)
    oldest = waiting.limit(1).with_for_update(skip_locked=True).scalar_subquery()
    claimed = (
        delete(PasswordResetRequest)
        .where(PasswordResetRequest.id == oldest)
        .returning(
            PasswordResetRequest.email,
            PasswordResetRequest.address,
            PasswordResetRequest.user_agent,
        )
        .execution_options(synchronize_session=False)
    )
    row = db.session.execute(claimed).one_or_none()
    if row is not None:
        user = find_owner(row.email)
        if user is not None and user.disabled_at is None:
            _send(user, origin=Origin(row.address, row.user_agent))
    db.session.commit()
    return row is not None


def _send(user: User, *, origin: Origin) -> None:
    """Add a link and the mail that carries it to the transaction.

    Earlier links stand until one is used: nobody can take away the one that its owner holds by
    asking for more.
    """
    settings = current_settings()
    lifetime = settings.password_reset_lifetime
    value = verification.add(
        user, VerificationType.PASSWORD_RESET, target=user.email, lifetime=lifetime
    )
    mail.enqueue(
        "password_reset",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.public_url}/password/reset/{value}",
        expires_minutes=int(lifetime.total_seconds() // 60),
        asked_at=clock.now(),
        address=origin.address,
        device=device(origin.user_agent),
    )
    activity.note(user.id, Activity.PASSWORD_RESET_ASKED, origin)


def _require_receiver(user: User | None, record: VerificationTokenRecord) -> User:
    """Return the account if it may be used, and still has the address that the link went to."""
    if user is None or user.disabled_at is not None or user.email_key != email_key(record.target):
        db.session.rollback()
        raise TokenInvalid("the account is disabled, or has another address by now")
    return user
