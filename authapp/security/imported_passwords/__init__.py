"""Password hashes of other systems: which are accepted, how they are stored, and checking them.

A stored one is `imported:<source>:<hash>`, so it is never taken for one of our own. Only the source
says what the other system did to a password before it hashed it.
"""

import base64
import hmac
import unicodedata
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from authapp.security.imported_passwords.algorithms import (
    Argon2,
    Bcrypt,
    FirebaseScrypt,
    HashRefused,
)
from authapp.security.imported_passwords.notations import read

__all__ = [
    "HashRefused",
    "SecretMissing",
    "Source",
    "is_imported",
    "to_store",
    "verify",
    "vouches_for",
]

_PREFIX: Final = "imported:"
MAX_CHARACTERS: Final = 255
"""Characters of a stored hash; the size of the column."""


class Source(StrEnum):
    """The system that hashed a password, as far as it matters."""

    ANY = "any"
    DEVISE = "devise"
    FLASK_SECURITY = "flask-security"
    FIREBASE = "firebase"


class SecretMissing(Exception):
    """The secret of this source, without which its hashes cannot be checked, is not set."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.source = source


Secrets = Mapping[Source, str]
"""The secrets of other systems; an empty one is not set. Without a pepper, Devise needs none."""


def is_imported(stored: str) -> bool:
    """Return whether a stored hash comes from another system."""
    return stored.startswith(_PREFIX)


def to_store(text: str, source: Source) -> str:
    """Return the stored form of another system's hash; raises HashRefused.

    It accepts a stored form too, as an export has it.
    """
    if is_imported(text):
        source, text = _split(text)
    found = read(text)
    if isinstance(found, FirebaseScrypt) is not (source is Source.FIREBASE):
        raise HashRefused("the password hash has not the format of the system that --from names")
    found.require_affordable()
    stored = f"{_PREFIX}{source}:{text}"
    if len(stored) > MAX_CHARACTERS:
        raise HashRefused("the password hash is too long")
    return stored


def verify(stored: str, password: str, secrets: Secrets) -> bool:
    """Check a password against a stored hash of another system; raises SecretMissing."""
    source, text = _split(stored)
    found = read(text)
    if isinstance(found, FirebaseScrypt):
        key = _require(secrets, source)
        return found.verify(_bytes(password), signer_key=base64.b64decode(key))
    candidates = [_hashed_text(source, password, secrets)]
    if source is Source.ANY and isinstance(found, Argon2):
        # Another authapp, whose export looks like any other, normalizes.
        candidates.append(_bytes(unicodedata.normalize("NFKC", password)))
    return any(found.verify(each) for each in dict.fromkeys(candidates))


def vouches_for(stored: str, password: str) -> bool:
    """Return whether a hash that matches a password proves all of it, and not only its beginning.

    The rest may be a typing error, which must not become part of the password.
    """
    source, text = _split(stored)
    found = read(text)
    # Flask-Security hashes a digest of the password, whose beginning depends on all of it.
    is_digest = source is Source.FLASK_SECURITY
    return is_digest or not (isinstance(found, Bcrypt) and found.is_cut_off(_bytes(password)))


def _split(stored: str) -> tuple[Source, str]:
    source, _, text = stored.removeprefix(_PREFIX).partition(":")
    try:
        return Source(source), text
    except ValueError:
        raise HashRefused("the password hash names an unknown system") from None


def _hashed_text(source: Source, password: str, secrets: Secrets) -> bytes:
    """Return what the other system hashed for a password."""
    if source is Source.DEVISE:
        return _bytes(password + secrets[source])
    if source is Source.FLASK_SECURITY:
        normal = _bytes(unicodedata.normalize("NFKD", password))
        digest = hmac.digest(_require(secrets, source).encode(), normal, "sha512")
        return base64.b64encode(digest)
    return _bytes(password)


def _require(secrets: Secrets, source: Source) -> str:
    if not secrets[source]:
        raise SecretMissing(source)
    return secrets[source]


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "backslashreplace")
