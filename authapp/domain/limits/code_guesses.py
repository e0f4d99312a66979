"""Limits on guesses at codes of every kind: in emails and texts, of an app, and recovery codes.

Guesses count before they are checked, against the account and against the address or number that
the code was sent to. Each has a pace, and a maximum in a row, which neither time nor a new code
resets: only a success does, such as opening the link in the same email.
Source: NIST SP 800-63B-4, sections 3.1.3.2 and 3.2.2.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import select

from authapp.config import current_settings
from authapp.domain.email_addresses import email_key
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count, Limit, in_a_row
from authapp.errors import CodesBlocked, TooManyAttempts
from authapp.models import VerificationToken, VerificationType, db

_RECOVERY_CODES: Final = Limit("recovery_code", most=10, within=timedelta(minutes=15))
_TEXTED: Final = VerificationType.PHONE_VERIFICATION
_SIGN_IN: Final = VerificationType.EMAIL_SIGN_IN
_BLOCKS: Final = frozenset(
    {
        "code_in_a_row",
        "code_in_a_row_of_target",
        "second_factor_in_a_row",
        "recovery_code_in_a_row",
    }
)


def spend(guesses: Sequence[Count]) -> None:
    """Count a guess; call it before the code is checked, and before `transaction()`.

    Raises TooManyAttempts, or CodesBlocked if waiting does not help.
    """
    try:
        rate_limits.spend_all(guesses)
    except TooManyAttempts as refusal:
        if refusal.limit in _BLOCKS:
            raise CodesBlocked(refusal.retry_after, refusal.limit) from refusal
        raise


def forgive(guesses: Sequence[Count]) -> None:
    """Delete the guesses after a success, in the caller's transaction."""
    for count in guesses:
        rate_limits.forgive(*count)


def forgive_account(user_id: UUID) -> None:
    """Delete all guesses at an account's codes, and at codes sent where its codes were sent."""
    types = (VerificationType.EMAIL_VERIFICATION, VerificationType.EMAIL_CHANGE, _TEXTED, _SIGN_IN)
    sent = select(VerificationToken.type, VerificationToken.target).where(
        VerificationToken.user_id == user_id, VerificationToken.type.in_(types)
    )
    guesses = [*at_app(user_id), *at_recovery_code(user_id)]
    for type, target in db.session.execute(sent.distinct()):
        if type == _TEXTED:
            guesses += at_texted(user_id, target)
        elif type == _SIGN_IN:
            guesses += at_sign_in_code(target)
        else:
            guesses += at_emailed(type, user_id, target)
    forgive(guesses)


def at_emailed(type: str, user_id: UUID, address: str) -> list[Count]:
    """Return what a guess at an emailed code counts against."""
    limits = current_settings().limits
    of_account, of_address = f"{type} {user_id}", f"{type} {email_key(address)}"
    return [
        Count(limits.codes, of_account),
        Count(limits.codes_by_address, of_address),
        *_in_a_row(of_account, of_address),
    ]


def at_sign_in_code(address: str) -> list[Count]:
    """Return what a guess at an emailed sign-in code counts against.

    Not the account: there may be none, and guesses must run out in the same way.
    """
    limits, subject = current_settings().limits, f"{_SIGN_IN} {email_key(address)}"
    return [
        Count(limits.codes, subject),
        Count(limits.codes_by_address, subject),
        *_in_a_row(subject),
    ]


def at_sign_in_link(id: UUID) -> list[Count]:
    """Return what a guess counts against if it is made with the link from the same email.

    Not the address, whose guesses a stranger can use up: only a reader of the email has the link.
    """
    limits, subject = current_settings().limits, f"{_SIGN_IN} {id}"
    return [Count(limits.codes, subject), *_in_a_row(subject)]


def at_unsent(visitor: str) -> list[Count]:
    """Return what a guess counts against if there is no code; the response must look the same."""
    of_visitor = f"no code {visitor}"
    return [Count(current_settings().limits.codes, of_visitor), *_in_a_row(of_visitor)]


def at_texted(user_id: UUID, number: str) -> list[Count]:
    """Return what a guess at a texted code counts against."""
    limits = current_settings().limits
    return [
        Count(limits.phone_codes, str(user_id)),
        Count(limits.phone_codes_by_number, number),
        *_in_a_row(f"{_TEXTED} {user_id}", f"{_TEXTED} {number}"),
    ]


def at_app(user_id: UUID) -> list[Count]:
    """Return what a guess at a code of an authenticator app counts against."""
    limits = current_settings().limits
    most = in_a_row("second_factor_in_a_row", limits.second_factor_in_a_row)
    return [Count(limits.second_factor, str(user_id)), Count(most, str(user_id))]


def at_recovery_code(user_id: UUID) -> list[Count]:
    """Return what a guess at a recovery code counts against; the pace bounds the work."""
    most = in_a_row("recovery_code_in_a_row", current_settings().limits.second_factor_in_a_row)
    return [Count(_RECOVERY_CODES, str(user_id)), Count(most, str(user_id))]


def _in_a_row(of_account: str, of_target: str | None = None) -> list[Count]:
    most = current_settings().limits.codes_in_a_row
    counts = [Count(in_a_row("code_in_a_row", most), of_account)]
    if of_target is not None:
        counts.append(Count(in_a_row("code_in_a_row_of_target", most), of_target))
    return counts
