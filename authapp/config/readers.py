"""Readers of settings: each returns the value of a text, or raises Refused."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS

MINIMUM_SECRET_CHARACTERS: Final = 32
SEALING_KEY_BYTES: Final = 32

NEW_SECRET: Final = 'python -c "import secrets; print(secrets.token_urlsafe(48))"'
NEW_SEALING_KEY: Final = (
    'python -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"'
)
NEW_WEBHOOK_SECRET: Final = (
    "generate one with: python -c "
    "\"import base64, os; print('whsec_' + base64.b64encode(os.urandom(32)).decode())\""
)


class Refused(ValueError):
    """A value that is not acceptable; the message says why, and what to do."""


def text(raw: str) -> str:
    return raw


def secret(raw: str) -> str:
    if len(raw) < MINIMUM_SECRET_CHARACTERS:
        raise Refused(
            f"is shorter than {MINIMUM_SECRET_CHARACTERS} characters; "
            f"generate one with: {NEW_SECRET}"
        )
    if len(set(raw)) < 12 or re.search(r"change[-_ ]?me|secret[-_ ]?key|default", raw, re.I):
        raise Refused(f"looks like a default or a placeholder; generate one with: {NEW_SECRET}")
    return raw


def secrets(raw: str) -> list[str]:
    return [secret(part.strip()) for part in raw.split(",") if part.strip()]


def sealing_keys(raw: str) -> list[bytes]:
    """Read comma-separated keys: the first one seals, all of them unseal."""
    return [_sealing_key(part.strip()) for part in raw.split(",") if part.strip()]


def _sealing_key(part: str) -> bytes:
    hint = f"generate one with: {NEW_SEALING_KEY}"
    try:
        key = base64.b64decode(part, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"is not URL-safe base64; {hint}") from None
    if len(key) != SEALING_KEY_BYTES:
        raise Refused(f"contains a key of {len(key)} bytes, not {SEALING_KEY_BYTES}; {hint}")
    if len(set(key)) < 8:
        raise Refused(f"looks like a default or a placeholder; {hint}")
    return key


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", raw) or not least <= int(raw) <= most:
            raise Refused(f"must be a whole number from {least} to {most}")
        return int(raw)

    return read


def duration(least: int, most: int, unit: timedelta) -> Callable[[str], timedelta]:
    number = whole(least, most)

    def read(raw: str) -> timedelta:
        return number(raw) * unit

    return read


def zero_or(read: Callable[[str], timedelta]) -> Callable[[str], timedelta]:
    """Also accept 0, which turns something off."""

    def read_or_zero(raw: str) -> timedelta:
        try:
            return timedelta() if raw == "0" else read(raw)
        except Refused as error:
            raise Refused(f"{error}, or 0") from None

    return read_or_zero


SECOND: Final = timedelta(seconds=1)
MILLISECOND: Final = timedelta(milliseconds=1)


def choice(*allowed: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw not in allowed:
            raise Refused(f"must be one of: {', '.join(allowed)}")
        return raw

    return read


def pattern(expression: str, meaning: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if not re.fullmatch(expression, raw):
            raise Refused(f"must be {meaning}")
        return raw

    return read


def url(*schemes: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if not raw:
            return raw
        try:
            parts = urlsplit(raw)
            parts.port  # noqa: B018 - reading it checks it
        except ValueError:
            raise Refused("is not a URL") from None
        if parts.scheme not in schemes:
            raise Refused(f"must start with one of: {', '.join(s + '://' for s in schemes)}")
        return raw

    return read


def origin(raw: str) -> str:
    """Read the origin of the pages: their URL without a path."""
    parts = urlsplit(url("http", "https")(raw))
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Refused("must be an origin such as https://accounts.example.org, without a path")
    return f"{parts.scheme}://{parts.netloc}"


def database(raw: str) -> str:
    """Read an SQLAlchemy URL; PostgreSQL always uses psycopg."""
    raw = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", raw)
    if raw.startswith("sqlite:") and raw in ("sqlite://", "sqlite:///:memory:"):
        raise Refused("must name a file: an SQLite database in memory has only one connection")
    return url("sqlite", "postgresql+psycopg")(raw)


def webhook_secret(raw: str) -> bytes:
    """Read a key in the format of Standard Webhooks."""
    if not raw:
        return b""
    try:
        key = base64.b64decode(raw.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not raw.startswith("whsec_") or not 24 <= len(key) <= 64 or len(set(key)) < 8:
        raise Refused(f"must be whsec_ and 24 to 64 random bytes in base64; {NEW_WEBHOOK_SECRET}")
    return key


def region(raw: str) -> str:
    """Read a two-letter country code."""
    if raw not in SUPPORTED_REGIONS:
        raise Refused("must be a two-letter country code in capitals, such as GB")
    return raw


def regions(raw: str) -> list[str]:
    """Read country codes; `*` means every country."""
    if raw == "*":
        return sorted(SUPPORTED_REGIONS)
    return [region(part.strip()) for part in raw.split(",") if part.strip()]


ROLE: Final = r"[a-z0-9][a-z0-9_-]{0,31}"
"""What the name of a role looks like."""


def roles(raw: str) -> list[str]:
    """Read names of roles; `none` means no roles."""
    if raw.strip() == "none":
        return []
    names = [part.strip() for part in raw.split(",") if part.strip()]
    if not all(re.fullmatch(ROLE, name) for name in names):
        raise Refused("must be roles such as admin,support, of lowercase letters, digits, - and _")
    return names


def domains(raw: str) -> list[str]:
    """Read names of mail domains."""
    names = [part.strip().lower() for part in raw.split(",") if part.strip()]
    if not all(re.fullmatch(r"(?!-)[^\s@/:]{1,200}\.[^\s@/:.]{2,63}", name) for name in names):
        raise Refused("must be domains such as example.org, without @")
    return names


def languages(raw: str) -> list[str]:
    """Read language codes, the first of which is listed first."""
    codes = [part.strip() for part in raw.split(",") if part.strip()]
    if not codes or not all(
        re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", c) for c in codes
    ):
        raise Refused("must be language codes such as en,de,pt-BR")
    return codes
