"""`/oauth/`: token introspection (RFC 7662) and token revocation (RFC 7009)."""

from typing import Any

import msgspec
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from authapp.api.authn import require_token
from authapp.api.bodies import read_parameter
from authapp.config import current_settings
from authapp.domain.limits import request_budget
from authapp.domain.principal import Principal, TokenKind
from authapp.http.client import client
from authapp.models import Scope
from authapp.services import introspection, revocation

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth")


@blueprint.post("/introspect")
def introspect() -> ResponseReturnValue:
    """Describe a token to a program with the scope; report an invalid token only as inactive."""
    require_token(Scope.INTROSPECT)
    principal = introspection.introspect(read_parameter("token"))
    claims = {"active": False} if principal is None else _claims(principal)
    return Response(msgspec.json.encode(claims), content_type="application/json")


@blueprint.post("/revoke")
def revoke() -> ResponseReturnValue:
    """Revoke a token for its holder; the response is the same for an unknown token."""
    request_budget.spend(client())
    revocation.revoke(read_parameter("token"), client=client())
    return Response(status=200)


def _claims(principal: Principal) -> dict[str, Any]:
    settings = current_settings()
    claims = {
        "active": True,
        "token_kind": principal.kind,
        "token_type": "N_A" if principal.kind is TokenKind.REFRESH_TOKEN else "Bearer",
        "iss": settings.tokens.jwt_issuer,
        "aud": settings.tokens.jwt_audience,
        "sub": str(principal.user_id),
        "sid": principal.session_id and str(principal.session_id),
        "jti": principal.token_id and str(principal.token_id),
        "client_id": principal.client_id,
        "scope": None if principal.scopes is None else " ".join(sorted(principal.scopes)),
        "roles": principal.roles or None,
        "auth_time": principal.auth_time and int(principal.auth_time.timestamp()),
        "exp": principal.expires_at and int(principal.expires_at.timestamp()),
    }
    return {name: value for name, value in claims.items() if value is not None}
