"""An example of each body in the OpenAPI document, as Ada sends and gets them."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from authapp.api.account import Account
from authapp.api.api_tokens import (
    CreatedToken,
    NewName,
    NewTokenBody,
    Rotation,
    Token,
    TokenList,
)
from authapp.api.health import Alive, Ready
from authapp.api.login import Credentials, Grant, Renewal, SecondFactor, SignInGrant
from authapp.api.oauth import Introspection, TokenForm
from authapp.api.sessions import Ended, Session, SessionList
from authapp.api.step_up import Code, Password
from authapp.api.token_reports import LeakedToken
from authapp.api.well_known import JWK, AuthorizationServer, JWKSet
from authapp.domain.client import API
from authapp.domain.principal import TokenKind
from authapp.models import Scope

_SITE: Final = "https://accounts.example.org"
_ACCOUNT_ID: Final = UUID("3f0c9a52-7b1e-4d8a-9c64-1f2e8b7a5d30")
_SESSION_ID: Final = UUID("8d2b6c1e-4f3a-4e97-a5d0-6c7b9e1f2a48")
_TOKEN_ID: Final = UUID("c51e7f04-92ab-4c3d-8e6f-0a1b2c3d4e5f")
_REGISTERED: Final = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
_SIGNED_IN: Final = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
_ENDS: Final = datetime(2026, 4, 1, 8, 15, tzinfo=UTC)

_EMAIL: Final = "ada@example.org"
_PASSWORD: Final = "correct horse battery staple"
_CODE: Final = "492039"
_ACCESS_TOKEN: Final = "eyJ0eXAiOiJhdCtqd3QiLC..."
_REFRESH_TOKEN: Final = f"{_SESSION_ID.hex}.0.Zk3v..."
_API_TOKEN: Final = "aut_c51e7f0492ab4c3d8e6f0a1b2c3d4e5f..."
_DEVICE: Final = "WyJkZXZpY2UiXQ..."

_GRANT: Final[dict[str, Any]] = {
    "access_token": _ACCESS_TOKEN,
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": _REFRESH_TOKEN,
}
_SESSION: Final = Session(
    id=_SESSION_ID,
    program="Firefox",
    system="Linux",
    created_at=_SIGNED_IN,
    created_address="192.0.2.1",
    last_used_at=_SIGNED_IN,
    last_used_address="192.0.2.1",
    expires_at=_ENDS,
    is_current=True,
)
_TOKEN: Final = Token(
    id=_TOKEN_ID,
    name="nightly report",
    scopes=[Scope.ACCOUNT_READ],
    last_four="x7Kq",
    created_at=_SIGNED_IN,
    expires_at=_ENDS,
    last_used_at=None,
    last_used_address=None,
    is_replaced=False,
)
_KEY: Final = JWK(
    kty="EC",
    kid="NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    alg="ES256",
    use="sig",
    crv="P-256",
    x="f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y="x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
)

EXAMPLES: Final[tuple[Any, ...]] = (
    Credentials(email=_EMAIL, password=_PASSWORD, remember=True),
    SecondFactor(pending="eyJ1c2VyIjoi...", code=_CODE),
    Renewal(refresh_token=_REFRESH_TOKEN),
    Grant(**_GRANT),
    SignInGrant(**_GRANT, device=_DEVICE, remembered_device=None),
    Password(password=_PASSWORD),
    Code(code=_CODE),
    Account(
        id=_ACCOUNT_ID,
        email=_EMAIL,
        email_verified_at=_REGISTERED,
        phone=None,
        phone_verified_at=None,
        created_at=_REGISTERED,
        roles=["editor"],
    ),
    _SESSION,
    SessionList([_SESSION]),
    Ended(2),
    NewTokenBody(name=_TOKEN.name, scopes=_TOKEN.scopes, expires_at=_ENDS),
    NewName(name="weekly report"),
    Rotation(overlap_seconds=3600),
    _TOKEN,
    TokenList([_TOKEN]),
    CreatedToken(id=_TOKEN_ID, value=_API_TOKEN),
    LeakedToken(token=_API_TOKEN),
    TokenForm(token=_ACCESS_TOKEN),
    Introspection(
        active=True,
        token_kind=TokenKind.ACCESS_TOKEN,
        token_type="Bearer",  # noqa: S106 - the scheme's name
        iss=_SITE,
        aud=_SITE,
        sub=_ACCOUNT_ID,
        sid=_SESSION_ID,
        client_id=API,
        roles=("editor",),
        auth_time=int(_SIGNED_IN.timestamp()),
        exp=int(_SIGNED_IN.timestamp()) + 600,
    ),
    _KEY,
    JWKSet([_KEY]),
    AuthorizationServer(
        issuer=_SITE,
        jwks_uri=f"{_SITE}/.well-known/jwks.json",
        introspection_endpoint=f"{_SITE}/oauth/introspect",
        introspection_endpoint_auth_methods_supported=["Bearer"],
        revocation_endpoint=f"{_SITE}/oauth/revoke",
        revocation_endpoint_auth_methods_supported=["none"],
        response_types_supported=[],
        grant_types_supported=[],
        scopes_supported=list(Scope),
    ),
    Alive("ok"),
    Ready("ok", database="ok", redis="ok", signing_keys="ok"),
)
