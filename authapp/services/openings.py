"""Who opens a mailed link: where it was asked for, or elsewhere, with the code of the same mail.

Scanners open the links of a mailbox before its owner does. They run scripts and press buttons; what
they do not have is the browser that asked, or its sign-in, and they do not type what stands in the
mail. So a link does its work for one of those three.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from authapp.config import current_settings
from authapp.errors import InputRefused, TooManyAttempts
from authapp.models import Activity, User, VerificationType, db
from authapp.security.codes import is_code, make_code, read_code
from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import matches, parse_link_token
from authapp.services import activity, attempts, standing, verification
from authapp.services.attempts import Limit
from authapp.services.origin import Origin
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord

GUESSES: Final = Limit("code", most=5, within=timedelta(hours=5))
"""Of one user's codes of one kind; another code does not begin them afresh (NIST SP 800-63B-4,
section 3.1.3.2)."""

NOTED: Final = Limit("opening", most=1, within=timedelta(days=7))
"""One note a link: a scanner that comes again and again fills no table."""


@dataclass(frozen=True)
class Opener:
    """Whoever opens a link: the account that they are signed in to, and their browser's secret."""

    user_id: UUID | None
    browser: str | None


class Claimed(NamedTuple):
    """A link that was used up, and its account, which the caller has until it commits."""

    link: VerificationTokenRecord
    user: User


def is_at_home(record: VerificationTokenRecord, opener: Opener) -> bool:
    """Tell whether a link is opened by its own account, or in the browser that asked for it."""
    if opener.user_id == record.user_id:
        return True
    if opener.browser is None or record.browser_digest is None:
        return False
    return matches(opener.browser.encode(), record.browser_digest)


def open_link(value: str, type: VerificationType, opener: Opener, *, origin: Origin) -> bool:
    """Tell whether a link does its work without the code; nothing is used up.

    An opening elsewhere is noted apart, and the account is as it was. Raises what
    `verification.require` raises.
    """
    record = verification.require(value, type)
    if is_at_home(record, opener):
        return True
    _note_elsewhere(record, origin)
    return False


def claim(value: str, type: VerificationType, opener: Opener, code: str) -> Claimed:
    """Use a link up for whoever opens it, in the caller's transaction.

    Elsewhere it takes the code too: raises InputRefused for a wrong one, TooManyAttempts after a
    few. Raises what `verification.claim` raises.
    """
    record = verification.require(value, type)
    if not is_at_home(record, opener):
        require_code(record, code)
    user = standing.take(record.user_id)
    return Claimed(verification.claim(value, type), user)


def claim_by_code(
    user_id: UUID | None, type: VerificationType, opener: Opener, code: str, *, sent_to: str = ""
) -> Claimed:
    """Use up the newest link of a user by its code alone, where it was asked for.

    Without such a link, or such a user, any code is wrong. `sent_to` is the address that somebody
    says the code went to; guesses at codes that were never sent are counted by it too, as others
    are by their user. Raises InputRefused, TooManyAttempts, or TokenUsed if somebody was faster.
    """
    require_digits(code)
    found = token_cache.get_verification_tokens_by_user(user_id, type) if user_id else []
    record = next((record for record in found[::-1] if is_at_home(record, opener)), None)
    if record is None:
        attempts.spend(GUESSES, f"nobody {opener.user_id or opener.browser} {sent_to}")
        raise InputRefused("code", "wrong")
    require_code(record, code)
    user = standing.take(record.user_id)
    verification.claim_found(record)
    return Claimed(record, user)


def code_of(value: str) -> str:
    """Return the code that stands in the same message as a link."""
    claimed = parse_link_token(value)
    if claimed is None:
        raise ValueError("not a link of ours")
    return make_code(_keys()[0], claimed.id)


def require_code(record: VerificationTokenRecord, typed: str) -> None:
    """Let pass whoever types the code of a link; a limit counts the guesses.

    Call it before the transaction writes anything. Raises InputRefused or TooManyAttempts.
    """
    code = require_digits(typed)
    subject = f"{record.type} {record.user_id}"
    attempts.spend(GUESSES, subject)
    if not is_code(_keys(), record.id, code):
        raise InputRefused("code", "wrong")
    attempts.forgive(GUESSES, subject)


def require_digits(typed: str) -> str:
    """Return the digits that somebody typed; raises InputRefused for what can be no code."""
    code = read_code(typed)
    if code is None:
        raise InputRefused("code", "not_a_code")
    return code


def _note_elsewhere(record: VerificationTokenRecord, origin: Origin) -> None:
    try:
        attempts.spend(NOTED, str(record.id))
    except TooManyAttempts:
        return
    activity.note(record.user_id, Activity.LINK_OPENED_ELSEWHERE, origin, purpose=record.type)
    db.session.commit()


def _keys() -> list[bytes]:
    settings = current_settings()
    secrets = [settings.secret_key, *settings.secret_key_fallbacks]
    return [derive_key(secret, "code") for secret in secrets]
