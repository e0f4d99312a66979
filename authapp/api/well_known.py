"""`/.well-known/`: what other programs need to verify this site's tokens."""

import json
from contextlib import suppress
from functools import partial
from http import HTTPStatus

import msgspec
from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from authapp.api.openapi import described
from authapp.config import current_settings
from authapp.domain import signing_keys
from authapp.domain.api_tokens import TokenIdentity
from authapp.errors import DomainError
from authapp.http.client import client
from authapp.http.credentials import bearer
from authapp.models import Scope
from authapp.services import introspection, jwks_fetches
from authapp.services.api_tokens import get_token

blueprint = Blueprint("well_known", __name__, url_prefix="/.well-known")


class JWK(msgspec.Struct, omit_defaults=True):
    """The public half of a signing key: `n` and `e` of RSA, or `crv`, `x` and `y` of a curve."""

    kty: str
    kid: str
    alg: str
    use: str
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class JWKSet(msgspec.Struct):
    """The keys that tokens may be signed with, and those that will sign next."""

    keys: list[JWK]


class AuthorizationServer(msgspec.Struct):
    """The endpoints and scopes of this server (RFC 8414)."""

    issuer: str
    jwks_uri: str
    introspection_endpoint: str
    introspection_endpoint_auth_methods_supported: list[str]
    revocation_endpoint: str
    revocation_endpoint_auth_methods_supported: list[str]
    response_types_supported: list[str]
    grant_types_supported: list[str]
    scopes_supported: list[Scope]


@blueprint.get("/jwks.json")
@described(
    returns={HTTPStatus.OK: JWKSet, HTTPStatus.NOT_MODIFIED: None},
    errors=[HTTPStatus.SERVICE_UNAVAILABLE],
    headers={
        "Cache-Control": "How long to keep the keys.",
        "ETag": "Send it as `If-None-Match`: the response is 304 if no key has changed.",
    },
)
def jwks() -> ResponseReturnValue:
    """Serve the public halves of the next, active and retired keys (RFC 7517 section 5)."""
    published = signing_keys.published()
    response = jsonify(keys=[json.loads(key.public_jwk) for key in published])
    response.cache_control.public = True
    response.cache_control.max_age = int(current_settings().tokens.jwks_max_age.total_seconds())
    response.add_etag()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    # Recorded after the response was sent, so that the client does not wait for it.
    response.call_on_close(partial(_note, app, _consumer(), jwks_fetches.newest(published)))
    return response.make_conditional(request)


@blueprint.get("/oauth-authorization-server")
@described(returns={HTTPStatus.OK: AuthorizationServer})
def metadata() -> ResponseReturnValue:
    """List the endpoints and scopes for other programs (RFC 8414).

    There is no authorization endpoint and no token endpoint, and therefore no grant type.
    """
    settings = current_settings()
    url = settings.deployment.public_url
    told = AuthorizationServer(
        issuer=settings.tokens.jwt_issuer,
        jwks_uri=f"{url}/.well-known/jwks.json",
        introspection_endpoint=f"{url}/oauth/introspect",
        introspection_endpoint_auth_methods_supported=["Bearer"],
        revocation_endpoint=f"{url}/oauth/revoke",
        revocation_endpoint_auth_methods_supported=["none"],
        response_types_supported=[],
        grant_types_supported=[],
        scopes_supported=list(Scope),
    )
    return jsonify(msgspec.to_builtins(told))


def _consumer() -> tuple[str, str]:
    """Return the name and address of the program that fetches the keys.

    The name is that of the API token it sends, otherwise its User-Agent header.
    """
    where, value = client(), bearer()
    with suppress(DomainError):
        principal = value and introspection.authenticate(value, address=where.address)
        if isinstance(principal, TokenIdentity):
            name = get_token(principal.user_id, principal.token_id).name
            return f"{name} (API token {principal.token_id})", where.address
    return where.user_agent, where.address


def _note(app: Flask, consumer: tuple[str, str], newest_kid: str) -> None:
    with app.app_context():
        jwks_fetches.note(*consumer, newest_kid)
