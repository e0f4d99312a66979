"""How other systems write a password hash as text: Django, passlib, Werkzeug, Devise and Auth0.

Keycloak and Firebase store several fields; `from_keycloak` and `from_firebase` write them as text.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Final

from authapp.security.imported_passwords.algorithms import (
    PBKDF2,
    Algorithm,
    Argon2,
    Bcrypt,
    FirebaseScrypt,
    HashRefused,
    Scrypt,
)

_NUMBER: Final = "([0-9]{1,10})"
_BASE64: Final = "([A-Za-z0-9+/._-]{0,172}={0,2})"
_BCRYPT: Final = r"(\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53})"
_ARGON2: Final = (
    r"(\$argon2(?:i|d|id)\$(?:v=[0-9]{1,3}\$)?m=[0-9]{1,10},t=[0-9]{1,10},p=[0-9]{1,5}"
    r"\$[A-Za-z0-9+/]{8,90}\$[A-Za-z0-9+/]{16,90})"
)
_KEYCLOAK_PBKDF2: Final = ("pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512")
_ARGON2_VERSIONS: Final = {"1.0": 16, "1.3": 19}


def read(text: str) -> Algorithm:
    """Return the hash that a text describes; raises HashRefused."""
    for pattern, build in _NOTATIONS:
        match = pattern.fullmatch(text)
        if match is not None:
            return build(*match.groups())
    raise HashRefused("the password hash has an unknown format")


def from_keycloak(credential: dict[str, Any], secret: dict[str, Any]) -> str:
    """Return the hash in Keycloak's `credentialData` and `secretData`; raises HashRefused."""
    try:
        algorithm, iterations = credential["algorithm"], int(credential["hashIterations"])
        salt, value = (_unpadded(secret[name]) for name in ("salt", "value"))
        if algorithm in _KEYCLOAK_PBKDF2:
            return f"${algorithm}${iterations}${salt}${value}"
        more = {name: each[0] for name, each in credential["additionalParameters"].items() if each}
        version = _ARGON2_VERSIONS[more["version"]]
        costs = f"m={int(more['memory'])},t={iterations},p={int(more['parallelism'])}"
        return f"$argon2{more['type']}$v={version}${costs}${salt}${value}"
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise HashRefused("the fields of Keycloak's credential are not complete") from None


def from_firebase(value: str, salt: str, *, rounds: int, memory_cost: int, separator: str) -> str:
    """Return a hash that Firebase exported, with the parameters of its project."""
    parts = [_unpadded(each) for each in (separator, salt, value)]
    return f"$firebase-scrypt$r={rounds},m={memory_cost}${'$'.join(parts)}"


def _pbkdf2(digest: str | None, iterations: str, salt: str, checksum: str) -> Algorithm:
    return PBKDF2(digest or "sha1", int(iterations), _decoded(salt), _decoded(checksum))


def _django_pbkdf2(digest: str, iterations: str, salt: str, checksum: str) -> Algorithm:
    return PBKDF2(digest, int(iterations), salt.encode(), _decoded(checksum))


def _django_scrypt(n: str, salt: str, r: str, p: str, checksum: str) -> Algorithm:
    return Scrypt(int(n), int(r), int(p), salt.encode(), _decoded(checksum))


def _werkzeug_pbkdf2(digest: str, iterations: str, salt: str, checksum: str) -> Algorithm:
    return PBKDF2(digest, int(iterations), salt.encode(), bytes.fromhex(checksum))


def _werkzeug_scrypt(n: str, r: str, p: str, salt: str, checksum: str) -> Algorithm:
    return Scrypt(int(n), int(r), int(p), salt.encode(), bytes.fromhex(checksum))


def _firebase(rounds: str, cost: str, separator: str, salt: str, checksum: str) -> Algorithm:
    parts = [_decoded(each) for each in (separator, salt, checksum)]
    return FirebaseScrypt(int(rounds), int(cost), *parts)


def _django_bcrypt(text: str) -> Algorithm:
    return Bcrypt(text, lambda password: hashlib.sha256(password).hexdigest().encode())


def _passlib_bcrypt(kind: str, cost: str, salt: str, checksum: str) -> Algorithm:
    return Bcrypt(
        f"${kind}${cost:0>2}${salt}{checksum}",
        lambda password: base64.b64encode(hmac.digest(salt.encode(), password, "sha256")),
    )


def _decoded(text: str) -> bytes:
    """Decode any of the alphabets of base64, with or without padding."""
    plain = text.rstrip("=").translate(str.maketrans(".-_", "++/"))
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise HashRefused("the password hash is not valid base64") from None


def _unpadded(text: str) -> str:
    return text.rstrip("=")


_SALT: Final = r"([^$\s]{1,128})"
_HEX: Final = "((?:[0-9a-f]{2}){1,64})"
_NOTATIONS: Final[list[tuple[re.Pattern[str], Callable[..., Algorithm]]]] = [
    (re.compile(pattern, re.ASCII), build)
    for pattern, build in (
        (_BCRYPT, Bcrypt),
        (_ARGON2, Argon2),
        (rf"\$pbkdf2(?:-(sha256|sha512))?\${_NUMBER}\${_BASE64}\${_BASE64}", _pbkdf2),
        (
            r"\$bcrypt-sha256\$v=2,t=(2b),r=([0-9]{1,2})\$([./A-Za-z0-9]{22})"
            r"\$([./A-Za-z0-9]{31})",
            _passlib_bcrypt,
        ),
        (rf"pbkdf2_(sha1|sha256)\${_NUMBER}\${_SALT}\${_BASE64}", _django_pbkdf2),
        (rf"argon2{_ARGON2}", Argon2),
        (rf"bcrypt_sha256\${_BCRYPT}", _django_bcrypt),
        (rf"bcrypt\${_BCRYPT}", Bcrypt),
        (rf"scrypt\${_NUMBER}\${_SALT}\${_NUMBER}\${_NUMBER}\${_BASE64}", _django_scrypt),
        (rf"pbkdf2:(sha1|sha256|sha512):{_NUMBER}\${_SALT}\${_HEX}", _werkzeug_pbkdf2),
        (rf"scrypt:{_NUMBER}:{_NUMBER}:{_NUMBER}\${_SALT}\${_HEX}", _werkzeug_scrypt),
        (
            rf"\$firebase-scrypt\$r={_NUMBER},m={_NUMBER}\${_BASE64}\${_BASE64}\${_BASE64}",
            _firebase,
        ),
    )
]
