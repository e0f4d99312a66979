"""Verifying a phone number with a texted code.

Neither messages nor timing reveal whether another account has the number, until a correct code
proves that the number is the visitor's.
"""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import sms
from authapp.domain import account_status, one_time_tokens, phone_codes
from authapp.domain.client import Client
from authapp.domain.limits import code_guesses, rate_limits, text_limits
from authapp.domain.phone_codes import LIFETIME, get_pending
from authapp.domain.phone_numbers import parse_phone
from authapp.errors import Conflict, InputRefused, TokenExpired, TooManyAttempts
from authapp.models import User, db
from authapp.models.transaction import transaction
from authapp.security.codes import read_code
from authapp.services import phone
from authapp.token_cache.records import VerificationTokenRecord

_EXPIRES_SOON: Final = timedelta(minutes=2)


def is_available() -> bool:
    """Return whether this server can verify phone numbers."""
    return sms.can_send()


def begin(user_id: UUID, raw: str, region: str, *, client: Client, replaces: bool) -> None:
    """Text a code to a number; with `replaces`, the number may replace the account's current one.

    Raises InputRefused for a number that cannot be verified, TooManyAttempts, and Conflict if no
    text can be sent, or if the account has a number and `replaces` is False.
    """
    number = parse_phone(raw, region)
    with transaction():
        current = account_status.require_active(user_id).phone
    if not is_available() or (current is not None and not replaces):
        raise Conflict("no phone number can be verified now")
    if number == current:
        raise InputRefused("phone", "verified_already")
    pending = get_pending(user_id)
    repeats = pending is not None and pending.target == number
    try:
        rate_limits.spend(text_limits.PAUSE, str(user_id))
    except TooManyAttempts:
        if repeats:
            # The button was pressed twice: the code is already on its way.
            return
        raise
    text_limits.spend(user_id, number, client=client)
    with transaction():
        _text(user_id, number, pending if repeats else None)


def send_again(pending: VerificationTokenRecord, *, client: Client) -> None:
    """Text the pending code again, so that a delayed message works too.

    Raises TooManyAttempts.
    """
    rate_limits.spend(text_limits.PAUSE, str(pending.user_id))
    text_limits.spend(pending.user_id, pending.target, client=client)
    with transaction():
        _text(pending.user_id, pending.target, pending)


def require_pending(user_id: UUID) -> VerificationTokenRecord:
    """Return the active code; raises TokenExpired if there is none."""
    pending = get_pending(user_id)
    if pending is None:
        raise TokenExpired("there is no active code")
    return pending


def claim(pending: VerificationTokenRecord, typed: str, *, client: Client) -> None:
    """Consume the code that `require_pending` returned, and set its number.

    Raises InputRefused for a wrong code, TooManyAttempts after five, CodesBlocked after a hundred
    in a row, Conflict if another account has the number, and what `one_time_tokens.claim` raises.
    """
    guesses = code_guesses.at_texted(pending.user_id, pending.target)
    code = read_code(typed)
    if code is None:
        raise InputRefused("code", "not_a_code")
    code_guesses.spend(guesses)
    if not phone_codes.is_right(pending, code):
        raise InputRefused("code", "wrong")
    try:
        with transaction():
            user = account_status.require_active(pending.user_id)
            one_time_tokens.claim(pending)
            code_guesses.forgive(guesses)
            # The code is consumed even if it proves the number of another account.
            is_taken = _has_other_owner(pending.target, user.id)
            if not is_taken:
                phone.set_phone(user, pending.target, client=client)
                db.session.flush()
    except IntegrityError as error:
        raise Conflict("another account has just verified this number") from error
    if is_taken:
        raise Conflict("another account has this number")


def _has_other_owner(number: str, user_id: UUID) -> bool:
    owner = select(User.id).where(User.phone == number, User.phone_verified_at.is_not(None))
    return db.session.scalar(owner.where(User.id != user_id)) is not None


def _text(user_id: UUID, number: str, pending: VerificationTokenRecord | None) -> None:
    """Add a text to the transaction, with the pending code unless it expires soon."""
    now = clock.now()
    code = None
    if pending is not None and pending.expires_at - now > _EXPIRES_SOON:
        code, expires_at = phone_codes.code_of(pending), pending.expires_at
    if code is None:
        code, expires_at = phone_codes.add(user_id, number), now + LIFETIME
    sms.enqueue(
        "verify_phone",
        to=number,
        user_id=user_id,
        lifetime=expires_at - now,
        code=code,
        host=urlsplit(current_settings().deployment.public_url).hostname,
        minutes=int((expires_at - now).total_seconds() // 60),
    )
