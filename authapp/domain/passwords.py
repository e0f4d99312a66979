"""New passwords: how strong they are, refused for a reason, hashed, or put in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity, one_time_tokens, security_notices
from authapp.domain.client import Client
from authapp.errors import InputRefused
from authapp.models import Activity, User, VerificationType
from authapp.security import passwords

_VOIDED: Final = (
    VerificationType.PASSWORD_RESET,
    VerificationType.EMAIL_CHANGE,
    VerificationType.KEEP_ACCOUNT,
)


@dataclass(frozen=True)
class Strength:
    """How hard a password is to guess, from 0 to STRONGEST, and why it is refused, if it is."""

    score: int
    refusal: InputRefused | None


def strength(password: str, *, field: str, context: Sequence[str]) -> Strength:
    """Weigh a password that is being typed, by the same rule that decides in the end."""
    words = [*context, current_settings().brand.app_name]
    return Strength(passwords.score(password, context=words), _refusal(password, field, words))


def hash_new_password(password: str, *, field: str, context: Sequence[str]) -> str:
    """Return the hash of a new password; raises InputRefused for one that is not acceptable."""
    refusal = _refusal(password, field, [*context, current_settings().brand.app_name])
    if refusal is not None:
        raise refusal
    return passwords.hash_password(password)


def replace(user: User, password_hash: str, how: Activity, *, client: Client) -> None:
    """Put a new password in place, in the caller's transaction, and tell its owner.

    Links that would give the account to somebody else than who has the new one are void from now
    on: whoever knew the former password may have asked for them.
    """
    user.password_hash = password_hash
    user.password_changed_at = clock.now()
    for type in _VOIDED:
        one_time_tokens.void(user.id, type)
    activity.note(user.id, how, client)
    security_notices.send(user, "password_changed", client=client)


def _refusal(password: str, field: str, words: Sequence[str]) -> InputRefused | None:
    least = current_settings().accounts.password_min_length
    reason = passwords.weakness(password, least=least, context=words)
    return InputRefused(field, reason, least=least, most=passwords.LONGEST) if reason else None
