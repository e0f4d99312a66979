"""Access tokens: JWTs of RFC 9068, checked with one key whose algorithm is ours to say."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID, uuid4

import jwt

from authapp.errors import TokenExpired, TokenInvalid

TYPE: Final = "at+jwt"
_LONGEST: Final = 4096
_REQUIRED: Final = ["iss", "aud", "sub", "sid", "iat", "exp", "jti", "auth_time"]


@dataclass(frozen=True)
class AccessClaims:
    """What an access token says: who, in which session, until when, and when last proven."""

    user_id: UUID
    session_id: UUID
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime


@dataclass(frozen=True)
class LookUp:
    """Where to look for what a token must be checked against. Nothing here is verified yet."""

    kid: str
    session_id: UUID


def sign(
    claims: AccessClaims, *, key: Any, kid: str, algorithm: str, issuer: str, audience: str
) -> str:
    """Make an access token; it carries no personal data."""
    payload = {
        "iss": issuer,
        "aud": audience,
        "sub": str(claims.user_id),
        "sid": str(claims.session_id),
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "auth_time": int(claims.auth_time.timestamp()),
        "jti": str(uuid4()),
    }
    return jwt.encode(payload, key, algorithm=algorithm, headers={"typ": TYPE, "kid": kid})


def peek(value: str) -> LookUp:
    """Read the two look-up keys of a token that is not verified yet.

    Raises TokenInvalid for anything that is not shaped like one of our access tokens.
    """
    parts = value.split(".") if len(value) <= _LONGEST and value.isascii() else []
    if len(parts) != 3:
        raise TokenInvalid("not shaped like a JWT")
    header, payload = _json_object(parts[0]), _json_object(parts[1])
    kid, sid = header.get("kid"), payload.get("sid")
    if header.get("typ") != TYPE or not isinstance(kid, str) or not isinstance(sid, str):
        raise TokenInvalid("not an access token")
    try:
        return LookUp(kid, UUID(sid))
    except ValueError:
        raise TokenInvalid("not an access token") from None


def verify(value: str, *, key: Any, algorithm: str, issuer: str, audience: str) -> AccessClaims:
    """Check the signature, the algorithm, the type, the issuer, the audience and the times.

    Raises TokenExpired or TokenInvalid. Source: RFC 8725 sections 3.1 to 3.11; the algorithm
    comes from our record of the key, never from the token.
    """
    try:
        token = jwt.decode_complete(
            value,
            key,
            algorithms=[algorithm],
            issuer=issuer,
            audience=audience,
            options={"require": _REQUIRED},
        )
        if token["header"].get("typ") != TYPE:
            raise TokenInvalid("not an access token")
        return _claims(token["payload"])
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired("the access token has expired") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenInvalid("the access token does not verify") from error


def _claims(payload: dict[str, Any]) -> AccessClaims:
    return AccessClaims(
        user_id=UUID(payload["sub"]),
        session_id=UUID(payload["sid"]),
        issued_at=_time(payload["iat"]),
        expires_at=_time(payload["exp"]),
        auth_time=_time(payload["auth_time"]),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _json_object(encoded: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenInvalid("not shaped like a JWT") from None
    if not isinstance(found, dict):
        raise TokenInvalid("not shaped like a JWT")
    return found
