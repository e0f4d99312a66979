"""Signing in without a second factor, for an owner who lost every one of them and has waited."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from authapp import clock, metrics
from authapp.config import current_settings
from authapp.domain import (
    account_status,
    activity,
    one_time_tokens,
    pending_sign_ins,
    sessions,
    sign_ins,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, key_of
from authapp.domain.emailed_links import Visitor
from authapp.domain.factors import authentication_methods, lost_factors, second_factors
from authapp.domain.factors.lost_factors import TYPE
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.domain.pending_sign_ins import PendingSignIn
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import Conflict, InputRefused, NotAllowed, NotFound
from authapp.models import Activity, EndReason, User, db
from authapp.models.transaction import transaction
from authapp.token_cache.records import VerificationTokenRecord

STARTS: Final = Limit("lost_factor_starts", most=2, within=timedelta(days=14))
"""For one password: once the owner has replaced it, its thief cannot start again at all."""


@dataclass(frozen=True)
class Progress:
    """The state of a waiting time; `ends_at` is None before it was started.

    `has_password` is False if an emailed code began the sign-in.
    """

    has_password: bool
    may_start: bool
    ends_at: datetime | None
    expires_at: datetime | None
    is_over: bool


def is_offered() -> bool:
    """Return whether this server has waiting times, for owners who lost every second factor."""
    return current_settings().accounts.lost_factor_wait > timedelta(0)


def progress(value: str) -> Progress:
    """Return the state of the waiting time of a pending sign-in's account.

    Raises NotFound if this server has none, TokenInvalid and TokenExpired.
    """
    _require_offered()
    pending = pending_sign_ins.require(value)
    user = db.session.get(User, pending.user_id)
    row = lost_factors.get(pending.user_id)
    has_password = pending.amr == authentication_methods.PASSWORD
    may_start = has_password and user is not None and user.password_from_email_at is None
    if row is None:
        return Progress(has_password, may_start, None, None, is_over=False)
    is_over = has_password and row.ends_at <= clock.now()
    return Progress(has_password, may_start, row.ends_at, row.expires_at, is_over)


def is_over(value: str) -> bool:
    """Return whether a pending sign-in can be finished; raises what `progress` raises."""
    return is_offered() and progress(value).is_over


def start(value: str, *, client: Client) -> None:
    """Start the waiting time of a pending sign-in's account, and warn the account.

    One that is already running continues. Raises NotAllowed if an emailed link set the password;
    TooManyAttempts for a password that started too many; NotFound without a second factor, or if
    this server has no waiting times; TokenInvalid, TokenExpired, and what `require_active` raises.
    """
    _require_offered()
    pending = pending_sign_ins.require(value)
    # Before the attempt counts: someone who only reads the mailbox must not use up the starts.
    pending_sign_ins.require_password(pending)
    if lost_factors.get(pending.user_id) is not None:
        return
    rate_limits.spend(STARTS, f"{pending.user_id} {pending.password_changed_at}")
    with transaction():
        user = _require_user(pending)
        if user.password_from_email_at is not None:
            raise NotAllowed("an emailed link set the password")
        if not second_factors.is_enrolled(user.id):
            raise NotFound("the account has no second factor")
        if lost_factors.get(user.id) is not None:
            return
        row = lost_factors.add(user.id, current_settings().accounts.lost_factor_wait, client)
        activity.note(user.id, Activity.LOST_FACTOR_STARTED, client)
        lost_factors.warn(user, row, "lost_factor_started")
        lost_factors.warn_by_text(user, row)


@metrics.outcomes(metrics.SIGN_INS)
def finish(value: str, *, device: SignInDevice) -> SignedIn:
    """Remove every second factor, end every session, and start that of a pending sign-in.

    Raises NotFound if no waiting time has been started, or it was stopped; Conflict before it is
    over; EnrollmentRequired once they are removed, if SECOND_FACTOR requires one; TokenInvalid,
    TokenExpired, and what `require_active` raises.
    """
    _require_offered()
    pending = pending_sign_ins.require(value)
    signer = signing_keys.signer()
    with transaction():
        user = _require_user(pending)
        if lost_factors.require(user.id).ends_at > clock.now():
            raise Conflict("the waiting time is not over")
        _remove_factors(user, device.client)
        begun = sign_ins.begin_if_complete(user, remember=pending.remember, device=device)
    return sign_ins.finish(begun, signer)


def check_link(value: str) -> VerificationTokenRecord:
    """Return a link that stops a waiting time; raises what `one_time_tokens.require` raises."""
    return one_time_tokens.require(value, TYPE)


def stop_by_link(
    link: VerificationTokenRecord, visitor: Visitor, email: str, *, client: Client
) -> None:
    """Stop the waiting time of a link's account; `link` comes from `check_link`.

    A visitor who is not signed in to the account enters the address that the link was sent to,
    which a mail scanner cannot do. Raises InputRefused for any other address, and what
    `one_time_tokens.claim` raises.
    """
    if visitor.user_id != link.user_id and key_of(email) != email_key(link.target):
        raise InputRefused("email", "not_the_recipient")
    with transaction():
        user = account_status.lock(link.user_id)
        one_time_tokens.claim(link)
        _stop(user, client)


def stop(user_id: UUID, *, client: Client | None) -> None:
    """Stop an account's waiting time; `client` is None for an operator.

    No password is needed: a mistake costs time, and hesitation may cost the account. Raises
    NotFound if there is none.
    """
    with transaction():
        user = account_status.lock(user_id)
        lost_factors.require(user_id)
        _stop(user, client)


def remind_due() -> int:
    """Send every warning that is due, and return how many there were."""
    reminded = 0
    while is_offered() and (user_id := lost_factors.find_to_remind()) is not None:
        reminded += _remind(user_id)
    return reminded


def _remind(user_id: UUID) -> bool:
    with transaction():
        user = account_status.lock(user_id)
        row = lost_factors.claim_reminder(user_id)
        if row is not None:
            message = "lost_factor_over" if row.remind_at is None else "lost_factor_reminder"
            lost_factors.warn(user, row, message)
    return row is not None


def _stop(user: User, client: Client | None) -> None:
    lost_factors.cancel_and_note(user.id, client)
    lost_factors.tell(user, "lost_factor_stopped", client=client)


def _remove_factors(user: User, client: Client) -> None:
    """Remove the factors, and end all sessions, some of which may be on the lost phone."""
    lost_factors.cancel(user.id)
    if not second_factors.remove_all(user.id):
        raise NotFound("the account has no second factor")
    sessions.end_all(user.id, EndReason.FACTORS_REMOVED)
    activity.note(user.id, Activity.SECOND_FACTOR_REMOVED, client)
    lost_factors.tell(user, "lost_factor_used", client=client)


def _require_user(pending: PendingSignIn) -> User:
    """Lock and return the account, if it is active and has the password that was entered."""
    pending_sign_ins.require_password(pending)
    user = account_status.require_active(pending.user_id)
    pending_sign_ins.require_same_password(pending, user)
    return user


def _require_offered() -> None:
    if not is_offered():
        raise NotFound("this server has no waiting times")
