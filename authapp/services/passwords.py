"""New passwords: refused for a reason, or hashed."""

from collections.abc import Sequence

from authapp.config import current_settings
from authapp.errors import InputRefused
from authapp.security import passwords


def hash_new_password(password: str, *, field: str, context: Sequence[str]) -> str:
    """Return the hash of a new password; raises InputRefused for one that is not acceptable."""
    settings = current_settings()
    least = settings.password_min_length
    words = [*context, settings.app_name]
    reason = passwords.weakness(password, least=least, context=words)
    if reason is not None:
        raise InputRefused(field, reason, least=least, most=passwords.LONGEST)
    return passwords.hash_password(password)
