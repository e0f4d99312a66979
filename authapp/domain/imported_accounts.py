"""An account as another system exported it: which names its fields have, and what they may contain.

Only reads and checks; `services.import_users` writes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from authapp import clock, language
from authapp.config import current_settings
from authapp.domain.email_addresses import email_key, parse_email
from authapp.domain.phone_numbers import parse_phone
from authapp.security import imported_passwords
from authapp.security.imported_passwords import HashRefused, Source, notations

Record = Mapping[str, Any]

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id", "user_id", "uuid"),
    "email": ("email", "email_address", "emailaddress"),
    "email_verified": (
        "email_verified",
        "email_verified_at",
        "emailverified",
        "confirmed_at",
        "verified",
        "is_verified",
    ),
    "phone": ("phone", "phone_number", "phonenumber"),
    "phone_verified": ("phone_verified", "phone_verified_at", "phoneverified"),
    "created_at": ("created_at", "createdat", "createdtimestamp", "date_joined"),
    "language": ("language", "locale", "lang", "preferred_language"),
    "password_hash": (
        "password_hash",
        "passwordhash",
        "encrypted_password",
        "password",
    ),
    "salt": ("salt", "password_salt", "passwordsalt"),
    "credentials": ("credentials",),
    "disabled": ("disabled", "disabled_at", "blocked"),
    "enabled": ("enabled", "is_active", "active"),
    "frozen_at": ("frozen_at",),
    "delete_at": ("delete_at",),
}
"""Each field, with the names that systems give it; they are compared in lower case."""

_FIELD_OF: Final = {name: field for field, names in NAMES.items() for name in names}
_TRUE: Final = frozenset({"true", "t", "yes", "y", "1"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", ""})
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_FROM: Final = 10**8
"""Smaller numbers are not seconds since 1970, but perhaps a year."""

_MILLISECONDS_FROM: Final = 10**11
"""Numbers from here on are milliseconds since 1970: as seconds, they are in the year 5138."""

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4}){0,2}", re.ASCII)
_UNUSABLE: Final = "!"
"""Django's mark of an account without a password."""


class RecordRefused(ValueError):
    """A record that cannot become an account; the message says which field, and why."""


@dataclass(frozen=True)
class Firebase:
    """The parameters of a Firebase project's password hashes."""

    rounds: int = 8
    memory_cost: int = 14
    separator: str = "Bw=="


@dataclass(frozen=True)
class Reading:
    """How to read records: who hashed the passwords, and what to take for granted."""

    source: Source = Source.ANY
    firebase: Firebase = Firebase()
    trusts_emails: bool = False
    trusts_phones: bool = False
    keeps_ids: bool = False


@dataclass(frozen=True)
class ImportedAccount:
    """An account that is ready to be written; without a password it has no `password_hash`."""

    id: UUID | None
    email: str
    email_verified_at: datetime | None
    phone: str | None
    phone_verified_at: datetime | None
    created_at: datetime
    language: str | None
    password_hash: str | None
    disabled_at: datetime | None
    frozen_at: datetime | None
    delete_at: datetime | None

    @property
    def email_key(self) -> str:
        return email_key(self.email)


def field_of(name: str) -> str | None:
    """Return the field for the name of a column or member, or None if it is not imported."""
    return _FIELD_OF.get(name.strip().lower())


def with_our_names(raw: Mapping[str, Any]) -> Record:
    """Return a record with the names of our fields; of two values, the first one in NAMES."""
    given = {name.strip().lower(): value for name, value in raw.items()}
    record = {}
    for field, names in NAMES.items():
        values = (given.get(name) for name in names)
        record[field] = next((value for value in values if value not in (None, "")), None)
    return record


def read(record: Record, reading: Reading) -> ImportedAccount:
    """Return the account in a record, as `with_our_names` returns it.

    Raises RecordRefused, or InputRefused for an address or a number.
    """
    now = clock.now()
    email = parse_email(_text(record, "email"))
    created_at = _time(record, "created_at") or now
    if created_at > now:
        raise RecordRefused("created_at is in the future")
    verified_at = _since(record, "email_verified", created_at)
    if verified_at is None and reading.trusts_emails:
        verified_at = created_at
    phone, phone_verified_at = _phone(record, reading, created_at)
    return ImportedAccount(
        id=_id(record) if reading.keeps_ids else None,
        email=email,
        email_verified_at=verified_at,
        phone=phone,
        phone_verified_at=phone_verified_at,
        # Accounts that verify no address are deleted some time after they were created.
        created_at=created_at if verified_at else now,
        language=_language(record),
        password_hash=_password_hash(record, reading),
        disabled_at=_disabled_at(record, now),
        frozen_at=_since(record, "frozen_at", now),
        delete_at=_time(record, "delete_at"),
    )


def _text(record: Record, field: str) -> str:
    """Return a field as text, or an empty string if it is missing."""
    value = record.get(field)
    if value is None:
        return ""
    if isinstance(value, list) and len(value) == 1:
        # An attribute of Keycloak.
        value = value[0]
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str | int):
        raise RecordRefused(f"{field} is neither a text nor a number")
    return str(value).strip()


def _since(record: Record, field: str, default: datetime) -> datetime | None:
    """Return since when something is true: a time, or `default` for `true`."""
    text = _text(record, field).lower()
    if text in _FALSE:
        return None
    return default if text in _TRUE else _time(record, field)


def _time(record: Record, field: str) -> datetime | None:
    text = _text(record, field)
    if not text:
        return None
    try:
        found = _from_number(int(text)) if text.isdecimal() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise RecordRefused(f"{field} is not a time such as 2026-01-31T12:00:00Z") from None
    aware = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if aware < _EARLIEST:
        raise RecordRefused(f"{field} is before 1970")
    return aware


def _from_number(number: int) -> datetime:
    if number < _SECONDS_FROM:
        raise ValueError("too small")
    seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
    return datetime.fromtimestamp(seconds, UTC)


def _phone(
    record: Record, reading: Reading, created_at: datetime
) -> tuple[str | None, datetime | None]:
    """Return a verified number; an account has no other."""
    raw = _text(record, "phone")
    verified_at = _since(record, "phone_verified", created_at)
    if verified_at is None and reading.trusts_phones:
        verified_at = created_at
    if not raw or verified_at is None:
        return None, None
    return parse_phone(raw, current_settings().sms.default_region), verified_at


def _id(record: Record) -> UUID:
    try:
        return UUID(_text(record, "id"))
    except ValueError:
        raise RecordRefused("id is not a UUID, which --keep-ids needs") from None


def _language(record: Record) -> str | None:
    """Return the tag of a language that is offered; an account without one gets the default."""
    text = _text(record, "language")
    found = language.find(text) if _LANGUAGE.fullmatch(text) else None
    return language.tag_of(found) if found is not None else None


def _disabled_at(record: Record, now: datetime) -> datetime | None:
    is_enabled = _text(record, "enabled").lower()
    if is_enabled and is_enabled not in _TRUE | _FALSE:
        raise RecordRefused("enabled is neither true nor false")
    if is_enabled and is_enabled in _FALSE:
        return now
    return _since(record, "disabled", now)


def _password_hash(record: Record, reading: Reading) -> str | None:
    text = _text(record, "password_hash")
    try:
        if record.get("credentials"):
            text = _from_keycloak(record["credentials"])
        if not text or text.startswith(_UNUSABLE):
            return None
        if reading.source is Source.FIREBASE and not imported_passwords.is_imported(text):
            text = notations.from_firebase(
                text,
                _text(record, "salt"),
                rounds=reading.firebase.rounds,
                memory_cost=reading.firebase.memory_cost,
                separator=reading.firebase.separator,
            )
        return imported_passwords.to_store(text, reading.source)
    except HashRefused as error:
        raise RecordRefused(str(error)) from None


def _from_keycloak(credentials: Any) -> str:
    """Return the password's hash among an account's credentials, which include second factors."""
    if not isinstance(credentials, list) or not all(isinstance(c, dict) for c in credentials):
        raise RecordRefused("credentials is not a list of objects")
    for each in credentials:
        if each.get("type") == "password":
            parts = [_object(each, name) for name in ("credentialData", "secretData")]
            return notations.from_keycloak(*parts)
    return ""


def _object(credential: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an object that Keycloak wrote as a text."""
    value = credential.get(name)
    try:
        decoded = msgspec.json.decode(value) if isinstance(value, str) else value
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        decoded = None
    if not isinstance(decoded, dict):
        raise RecordRefused(f"{name} of the password is not a JSON object")
    return decoded
