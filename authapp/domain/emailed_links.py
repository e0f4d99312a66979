"""Who may use an emailed link: the browser that asked for it, its signed-in owner, or the code.

Mail scanners open the links in a mailbox before its owner does. They run scripts and press buttons,
but they have neither the browser that asked nor its session, and they do not type the code from the
email. So a link needs one of these three.
"""

from dataclasses import dataclass
from uuid import UUID

from authapp.config import current_settings
from authapp.domain import account_status, email_addresses, one_time_tokens
from authapp.domain.limits import code_guesses
from authapp.domain.limits.rate_limits import Count
from authapp.errors import Conflict, InputRefused, TokenInvalid
from authapp.models import User, VerificationType
from authapp.security.codes import is_code, make_code, read_code
from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import matches, parse_link_token
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord


@dataclass(frozen=True)
class Visitor:
    """Who opens a link: the user who is signed in, if any, and the browser's secret."""

    user_id: UUID | None
    browser: str | None


def is_recognized(record: VerificationTokenRecord, visitor: Visitor) -> bool:
    """Return whether the visitor is the link's own user, or uses the browser that asked for it."""
    if visitor.user_id == record.user_id:
        return True
    if visitor.browser is None or record.browser_digest is None:
        return False
    return matches(visitor.browser.encode(), record.browser_digest)


def require(
    value: str, type: VerificationType, visitor: Visitor, code: str
) -> VerificationTokenRecord:
    """Return a link that the visitor may claim.

    A browser that is not recognized needs the code as well. Raises InputRefused for a wrong code,
    TooManyAttempts after five, CodesBlocked after a hundred in a row, and the errors of
    `one_time_tokens.require`. Call it before the transaction.
    """
    record = one_time_tokens.require(value, type)
    if not is_recognized(record, visitor):
        require_code(record, code)
    return record


def claim(record: VerificationTokenRecord) -> User:
    """Consume a link in the caller's transaction, and return its account, locked.

    Raises the errors of `one_time_tokens.claim`.
    """
    user = account_status.lock(record.user_id)
    one_time_tokens.claim(record)
    code_guesses.forgive(_guesses_of(record))
    return user


def own_address(user: User) -> None:
    """Give a locked account its own address, because a claimed link proves access to the mailbox.

    Raises TokenInvalid if another account owns the address.
    """
    try:
        email_addresses.own_address(user, user.email)
    except Conflict as error:
        raise TokenInvalid("the address belongs to another account") from error


def find_asked(
    user_id: UUID, type: VerificationType, visitor: Visitor
) -> VerificationTokenRecord | None:
    """Return the newest active link of a user that the visitor may claim by its code alone."""
    found = token_cache.get_verification_tokens_by_user(user_id, type)
    return next((record for record in found[::-1] if is_recognized(record, visitor)), None)


def require_by_code(
    record: VerificationTokenRecord | None, visitor: Visitor, code: str, *, sent_to: str = ""
) -> VerificationTokenRecord:
    """Return a link that the visitor may claim by its code alone, in the browser that asked.

    Without such a link, every code is wrong. `sent_to` is the address that the visitor says the
    code was sent to. Guesses at codes that were never sent are limited per visitor and address.
    Raises InputRefused or TooManyAttempts. Call it before the transaction.
    """
    require_digits(code)
    if record is None or not is_recognized(record, visitor):
        guesser = f"{visitor.user_id or visitor.browser} {sent_to}"
        code_guesses.spend(code_guesses.at_unsent(guesser))
        raise InputRefused("code", "wrong")
    require_code(record, code)
    return record


def code_of(value: str) -> str:
    """Return the code that is sent in the same message as a link."""
    claimed = parse_link_token(value)
    if claimed is None:
        raise ValueError("not a link token")
    return make_code(_keys()[0], claimed.id)


def is_code_of(link_id: UUID, code: str) -> bool:
    """Return whether digits are the code of a link; the caller counts the guess."""
    return is_code(_keys(), link_id, code)


def require_code(record: VerificationTokenRecord, typed: str) -> None:
    """Check the code that a user typed for a link; guesses are limited.

    Call it before the transaction. Raises InputRefused or TooManyAttempts.
    """
    code = require_digits(typed)
    code_guesses.spend(_guesses_of(record))
    if not is_code(_keys(), record.id, code):
        raise InputRefused("code", "wrong")


def require_digits(typed: str) -> str:
    """Return the typed digits; raises InputRefused for anything that cannot be a code."""
    code = read_code(typed)
    if code is None:
        raise InputRefused("code", "not_a_code")
    return code


def _guesses_of(record: VerificationTokenRecord) -> list[Count]:
    return code_guesses.at_emailed(record.type, record.user_id, record.target)


def _keys() -> list[bytes]:
    secrets = current_settings().secrets.accepted_secret_keys
    return [derive_key(secret, "code") for secret in secrets]
