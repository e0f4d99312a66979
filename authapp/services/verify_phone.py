"""Verifying a phone number by a texted code.

Whether another account has the number makes no difference until the code has proved that it is the
visitor's: not to what is said or sent, nor to how long it takes.
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
from authapp.errors import Conflict, InputRefused, TokenExpired, TooManyAttempts
from authapp.models import User, db
from authapp.security.codes import read_code
from authapp.services import attempts, phone, phone_codes, standing, text_limits, verification
from authapp.services.attempts import Limit
from authapp.services.origin import Origin
from authapp.services.phone_codes import LIFETIME, get_pending
from authapp.services.phone_numbers import parse_phone
from authapp.token_cache.records import VerificationTokenRecord

WRONG_CODES: Final = Limit("phone_wrong_codes", most=5, within=timedelta(hours=5))
"""Of one account, over all its codes: another one does not begin them afresh (NIST SP 800-63B-4,
section 3.1.3.2)."""

WRONG_CODES_OF_NUMBER: Final = Limit("phone_wrong_codes_of_number", 20, timedelta(days=1))
"""Of one number, over all accounts that claim to have it."""

_NEARLY_OVER: Final = timedelta(minutes=2)


def is_available() -> bool:
    """Tell whether numbers can be verified here at all."""
    return sms.can_send()


def begin(user_id: UUID, raw: str, region: str, *, origin: Origin, replaces: bool) -> None:
    """Text a code to a number. `replaces` says that an account's number may be changed by it.

    Raises InputRefused for a number that cannot be verified, TooManyAttempts, and Conflict where
    no text can be sent, or the account has a number that must not be replaced.
    """
    number = parse_phone(raw, region)
    user = standing.require_standing(user_id)
    present = user.phone
    # The limits below have connections of their own.
    db.session.rollback()
    if not is_available() or (present is not None and not replaces):
        raise Conflict("no number can be verified now")
    if number == present:
        raise InputRefused("phone", "verified_already")
    pending = get_pending(user_id)
    repeats = pending is not None and pending.target == number
    try:
        attempts.spend(text_limits.PAUSE, str(user_id))
    except TooManyAttempts:
        if repeats:
            # A press too many: the code is on its way.
            return
        raise
    _text(user_id, number, pending if repeats else None, origin)


def send_again(user_id: UUID, *, origin: Origin) -> None:
    """Text the code once more; the same one, so that a late message works too.

    Raises TokenExpired if no code stands, and TooManyAttempts.
    """
    pending = require_pending(user_id)
    attempts.spend(text_limits.PAUSE, str(user_id))
    _text(user_id, pending.target, pending, origin)


def require_pending(user_id: UUID) -> VerificationTokenRecord:
    """Return the code that stands; raises TokenExpired if there is none."""
    pending = get_pending(user_id)
    if pending is None:
        raise TokenExpired("no code stands")
    return pending


def claim(user_id: UUID, typed: str, *, origin: Origin) -> None:
    """Use the code up, and put its number in place.

    Raises InputRefused for a wrong code, TooManyAttempts after five, TokenExpired or TokenUsed if
    no code stands, and Conflict if another account has the number.
    """
    pending = require_pending(user_id)
    code = read_code(typed)
    if code is None:
        raise InputRefused("code", "not_a_code")
    attempts.spend(WRONG_CODES, str(user_id))
    attempts.spend(WRONG_CODES_OF_NUMBER, pending.target)
    if not phone_codes.is_right(pending, code):
        raise InputRefused("code", "wrong")
    user = standing.require_standing(user_id)
    verification.claim_found(pending)
    attempts.forgive(WRONG_CODES, str(user_id))
    attempts.forgive(WRONG_CODES_OF_NUMBER, pending.target)
    _put(user, pending.target, origin)


def _put(user: User, number: str, origin: Origin) -> None:
    taken = select(User.id).where(User.phone == number, User.phone_verified_at.is_not(None))
    if db.session.scalar(taken.where(User.id != user.id)) is not None:
        # The code has done its work, though it did not help.
        db.session.commit()
        raise Conflict("another account has this number")
    try:
        phone.put(user, number, origin=origin)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise Conflict("another account has this number by now") from error


def _text(
    user_id: UUID, number: str, pending: VerificationTokenRecord | None, origin: Origin
) -> None:
    """Write the message into the outbox; with the pending code, unless that is nearly over."""
    text_limits.spend(user_id, number, origin=origin)
    now = clock.now()
    code = None
    if pending is not None and pending.expires_at - now > _NEARLY_OVER:
        code, expires_at = phone_codes.tell_again(pending), pending.expires_at
    if code is None:
        code, expires_at = phone_codes.add(user_id, number), now + LIFETIME
    sms.enqueue(
        "verify_phone",
        to=number,
        user_id=user_id,
        lifetime=expires_at - now,
        code=code,
        host=urlsplit(current_settings().public_url).hostname,
        minutes=int((expires_at - now).total_seconds() // 60),
    )
    db.session.commit()
