"""`/oauth/`: token introspection (RFC 7662) and token revocation (RFC 7009)."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import UUID

import msgspec
from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from authapp.api.authn import require_token
from authapp.api.bodies import FORM_REFUSALS, read_parameter
from authapp.api.openapi import BEARER, described
from authapp.config import current_settings
from authapp.domain.limits import request_budget
from authapp.domain.principal import Principal, TokenKind
from authapp.http.client import client
from authapp.models import Scope
from authapp.services import introspection, revocation

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth")


class TokenForm(msgspec.Struct):
    """A token of any kind; its form shows its kind, so `token_type_hint` changes nothing."""

    token: Annotated[str, msgspec.Meta(min_length=1)]
    token_type_hint: str = ""


class Introspection(msgspec.Struct, omit_defaults=True):
    """Whom a token authenticates; nothing but `active` is known of a token that does not work."""

    active: bool
    token_kind: TokenKind | None = None
    token_type: str | None = None
    iss: str | None = None
    aud: str | None = None
    sub: UUID | None = None
    sid: UUID | None = None
    client_id: str | None = None
    jti: UUID | None = None
    scope: str | None = None
    roles: tuple[str, ...] | None = None
    auth_time: int | None = None
    exp: int | None = None


@blueprint.post("/introspect")
@described(
    returns={HTTPStatus.OK: Introspection},
    form=TokenForm,
    security=[{BEARER: [Scope.INTROSPECT]}],
    errors=[
        *FORM_REFUSALS,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ],
)
def introspect() -> ResponseReturnValue:
    """Describe a token to a program with the scope; report an invalid token only as inactive."""
    require_token(Scope.INTROSPECT)
    principal = introspection.introspect(read_parameter("token"))
    told = Introspection(active=False) if principal is None else _told(principal)
    return Response(msgspec.json.encode(told), content_type="application/json")


@blueprint.post("/revoke")
@described(
    returns={HTTPStatus.OK: None},
    form=TokenForm,
    errors=[*FORM_REFUSALS, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE],
)
def revoke() -> ResponseReturnValue:
    """Revoke a token for its holder; the response is the same for an unknown token."""
    request_budget.spend(client())
    revocation.revoke(read_parameter("token"), client=client())
    return Response(status=200)


def _told(principal: Principal) -> Introspection:
    settings = current_settings()
    return Introspection(
        active=True,
        token_kind=principal.kind,
        token_type="N_A" if principal.kind is TokenKind.REFRESH_TOKEN else "Bearer",
        iss=settings.tokens.jwt_issuer,
        aud=settings.tokens.jwt_audience,
        sub=principal.user_id,
        sid=principal.session_id,
        client_id=principal.client_id,
        jti=principal.token_id,
        scope=None if principal.scopes is None else " ".join(sorted(principal.scopes)),
        roles=principal.roles or None,
        auth_time=_seconds(principal.auth_time),
        exp=_seconds(principal.expires_at),
    )


def _seconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp())
