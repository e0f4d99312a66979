"""Access tokens: JWTs of RFC 9068, verified with one key and the algorithm of that key."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import jwt

from authapp import clock
from authapp.errors import TokenExpired, TokenInvalid

TYPE: Final = "at+jwt"
_LONGEST: Final = 4096
# PyJWT has one leeway for all times; `iat` and `nbf` are checked here, with the clock skew.
_OPTIONS: Final[Any] = {
    "require": ["iss", "aud", "sub", "sid", "iat", "exp", "jti", "auth_time"],
    "verify_iat": False,
    "verify_nbf": False,
}


@dataclass(frozen=True)
class AccessClaims:
    """The claims of an access token.

    `auth_time` is when the user last authenticated, and `amr` how they signed in (RFC 8176).
    `client_id` and `roles` are for other programs (RFC 9068 sections 2.2 and 2.2.3.1); a token
    without roles has no such claim. Neither is read back: the session's row has the current ones,
    and tokens that an earlier release signed have no `client_id`.
    """

    user_id: UUID
    session_id: UUID
    issued_at: datetime
    expires_at: datetime
    auth_time: datetime
    amr: tuple[str, ...]
    client_id: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class UnverifiedToken:
    """The key and the session to check a token against; nothing here is verified yet."""

    kid: str
    session_id: UUID


def sign(
    claims: AccessClaims, *, key: Any, kid: str, algorithm: str, issuer: str, audience: str
) -> str:
    """Return a signed access token; it contains no personal data."""
    payload: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": str(claims.user_id),
        "sid": str(claims.session_id),
        "client_id": claims.client_id,
        "iat": int(claims.issued_at.timestamp()),
        "exp": int(claims.expires_at.timestamp()),
        "auth_time": int(claims.auth_time.timestamp()),
        "amr": claims.amr,
        "jti": str(uuid4()),
    }
    if claims.roles:
        payload["roles"] = claims.roles
    return jwt.encode(payload, key, algorithm=algorithm, headers={"typ": TYPE, "kid": kid})


def peek(value: str) -> UnverifiedToken:
    """Return the key and the session that a token names.

    Raises TokenInvalid for anything that does not have the form of an access token.
    """
    parts = value.split(".") if len(value) <= _LONGEST and value.isascii() else []
    if len(parts) != 3:
        raise TokenInvalid("not a JWT")
    header, payload = _json_object(parts[0]), _json_object(parts[1])
    kid, sid = header.get("kid"), payload.get("sid")
    if header.get("typ") != TYPE or not isinstance(kid, str) or not isinstance(sid, str):
        raise TokenInvalid("not an access token")
    try:
        return UnverifiedToken(kid, UUID(sid))
    except ValueError:
        raise TokenInvalid("not an access token") from None


def verify(
    value: str, *, key: Any, algorithm: str, issuer: str, audience: str, clock_skew: timedelta
) -> AccessClaims:
    """Check the signature, the algorithm, the type, the issuer, the audience and the times.

    Raises TokenExpired or TokenInvalid. `iat` and `nbf` may be ahead by the clock skew, as the
    issuing host may be; `exp` is exact, so that no token lives longer.
    Source: RFC 8725 sections 3.1 to 3.11; the algorithm is the key's, never the token's.
    """
    try:
        token = jwt.decode_complete(
            value, key, algorithms=[algorithm], issuer=issuer, audience=audience, options=_OPTIONS
        )
        if token["header"].get("typ") != TYPE:
            raise TokenInvalid("not an access token")
        _require_begun(token["payload"], clock.now() + clock_skew)
        return _claims(token["payload"])
    except jwt.ExpiredSignatureError as error:
        raise TokenExpired("the access token has expired") from error
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise TokenInvalid("the access token's signature or claims are invalid") from error


def _require_begun(payload: dict[str, Any], latest: datetime) -> None:
    """Refuse a token from further in the future than the clock skew allows."""
    if _time(max(payload["iat"], payload.get("nbf", 0))) > latest:
        raise TokenInvalid("the access token is not valid yet: check the clocks of the hosts")


def _claims(payload: dict[str, Any]) -> AccessClaims:
    return AccessClaims(
        user_id=UUID(payload["sub"]),
        session_id=UUID(payload["sid"]),
        issued_at=_time(payload["iat"]),
        expires_at=_time(payload["exp"]),
        auth_time=_time(payload["auth_time"]),
        # Tokens that an earlier release signed do not have it.
        amr=tuple(payload.get("amr", ("pwd",))),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _json_object(encoded: str) -> dict[str, Any]:
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise TokenInvalid("not a JWT") from None
    if not isinstance(found, dict):
        raise TokenInvalid("not a JWT")
    return found
