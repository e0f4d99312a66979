"""`/oauth/`: asking what a token stands for (RFC 7662), and taking one back (RFC 7009)."""

from typing import Any, Final

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from authapp.api.authn import require_token
from authapp.config import current_settings
from authapp.http.origin import origin
from authapp.models import Scope
from authapp.services import introspection, revocation
from authapp.services.introspection import Principal, TokenKind

oauth = Blueprint("oauth", __name__, url_prefix="/oauth")

_FORM: Final = "application/x-www-form-urlencoded"


@oauth.post("/introspect")
def introspect() -> ResponseReturnValue:
    """Tell a program that may ask whose a token is; of one that does not work, nothing else."""
    require_token(Scope.INTROSPECT)
    principal = introspection.introspect(_token())
    return _inactive() if principal is None else jsonify(_claims(principal))


@oauth.post("/revoke")
def revoke() -> ResponseReturnValue:
    """Take a token back for whoever holds it; an unknown one gets the same answer."""
    revocation.revoke(_token(), origin=origin())
    return Response(status=200)


def _token() -> str:
    """Return the token that the form holds; `token_type_hint` is not needed, and not minded."""
    if request.mimetype != _FORM:
        raise UnsupportedMediaType
    values = request.form.getlist("token")
    if len(values) != 1 or not values[0]:
        # RFC 6749 section 3.2: a parameter that is missing or given twice.
        raise BadRequest
    return values[0]


def _inactive() -> Response:
    return jsonify(active=False)


def _claims(principal: Principal) -> dict[str, Any]:
    settings = current_settings()
    claims = {
        "active": True,
        "token_kind": principal.kind,
        "token_type": "N_A" if principal.kind is TokenKind.REFRESH_TOKEN else "Bearer",
        "iss": settings.jwt_issuer,
        "aud": settings.jwt_audience,
        "sub": str(principal.user_id),
        "sid": principal.session_id and str(principal.session_id),
        "jti": principal.token_id and str(principal.token_id),
        "scope": None if principal.scopes is None else " ".join(sorted(principal.scopes)),
        "auth_time": principal.auth_time and int(principal.auth_time.timestamp()),
        "exp": principal.expires_at and int(principal.expires_at.timestamp()),
    }
    return {name: value for name, value in claims.items() if value is not None}
