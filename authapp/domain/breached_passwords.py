"""Asking a service which passwords appeared in data breaches (Have I Been Pwned's range API).

The service learns the first five digits of a password's SHA-1 digest, which hundreds of other
passwords share, and returns the rest of each; padding hides how many there are.
"""

from hashlib import sha1
from typing import Final

import structlog
import urllib3

from authapp.config import current_settings
from authapp.models.transaction import release_connection

log = structlog.get_logger(__name__)

_PREFIX_DIGITS: Final = 5
_TIMEOUT_SECONDS: Final = 1.0
_MOST_BYTES: Final = 1 << 20

_pool: Final = urllib3.PoolManager(
    timeout=urllib3.Timeout(total=_TIMEOUT_SECONDS),
    retries=False,
    headers={"Add-Padding": "true", "User-Agent": "authapp"},
)


def is_breached(password: str) -> bool:
    """Return whether PWNED_PASSWORDS_URL lists a password; False if it is not set.

    The other rules for passwords still apply, so a service that does not answer refuses no one:
    the log says so. Call it before the transaction.
    """
    url = current_settings().accounts.pwned_passwords_url
    if not url:
        return False
    release_connection()
    digest = sha1(password.encode("utf-8", "backslashreplace"), usedforsecurity=False).hexdigest()
    prefix, suffix = digest[:_PREFIX_DIGITS].upper(), digest[_PREFIX_DIGITS:].upper()
    try:
        listed = _lines(f"{url.rstrip('/')}/{prefix}")
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        # The error's message has the URL, and so the first digits of the password's digest.
        log.warning("breached_passwords_not_checked", error=type(error).__name__)
        return False
    # Padding has a count of 0.
    return any(line.startswith(f"{suffix}:") and line != f"{suffix}:0" for line in listed)


def _lines(url: str) -> list[str]:
    response = _pool.request("GET", url, redirect=False, preload_content=False)
    try:
        if response.status != 200:
            raise ValueError(f"status {response.status}")
        return response.read(_MOST_BYTES, decode_content=True).decode("ascii").splitlines()
    finally:
        response.close()
