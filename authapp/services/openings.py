"""Who opens a mailed link: where it was asked for, or elsewhere, with the code of the same mail.

Scanners open the links of a mailbox before its owner does. They run scripts and press buttons; what
they do not have is the browser that asked, or its sign-in, and they do not type what stands in the
mail. So a link does its work for one of those three.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp.config import current_settings
from authapp.errors import InputRefused, TooManyAttempts
from authapp.models import Activity, db
from authapp.security.codes import is_code, make_code, read_code
from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import matches, parse_link_token
from authapp.services import activity, attempts
from authapp.services.attempts import Limit
from authapp.services.origin import Origin
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


def is_at_home(record: VerificationTokenRecord, opener: Opener) -> bool:
    """Tell whether a link is opened by its own account, or in the browser that asked for it."""
    if opener.user_id == record.user_id:
        return True
    if opener.browser is None or record.browser_digest is None:
        return False
    return matches(opener.browser.encode(), record.browser_digest)


def note_elsewhere(record: VerificationTokenRecord, *, origin: Origin) -> None:
    """Note, once a link, that it was opened elsewhere; the account is as it was. Commits."""
    try:
        attempts.spend(NOTED, str(record.id))
    except TooManyAttempts:
        return
    activity.note(record.user_id, Activity.LINK_OPENED_ELSEWHERE, origin, purpose=record.type)
    db.session.commit()


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


def _keys() -> list[bytes]:
    settings = current_settings()
    secrets = [settings.secret_key, *settings.secret_key_fallbacks]
    return [derive_key(secret, "code") for secret in secrets]
