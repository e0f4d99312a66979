"""`/.well-known/`: what other programs need to verify our tokens."""

import json
from contextlib import suppress
from functools import partial

from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from authapp.config import current_settings
from authapp.errors import DomainError
from authapp.http.credentials import bearer
from authapp.http.origin import origin
from authapp.models import Scope
from authapp.services import api_tokens, jwks_fetches, keys

well_known = Blueprint("well_known", __name__, url_prefix="/.well-known")


@well_known.get("/jwks.json")
def jwks() -> ResponseReturnValue:
    """Serve the public halves of the next, active and retired keys (RFC 7517 section 5)."""
    published = keys.published()
    response = jsonify(keys=[json.loads(key.public_jwk) for key in published])
    response.cache_control.public = True
    response.cache_control.max_age = int(current_settings().jwks_max_age.total_seconds())
    response.add_etag()
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    # After the answer was sent: whoever fetches the keys does not wait for our notes.
    response.call_on_close(partial(_note, app, _consumer(), jwks_fetches.newest(published)))
    return response.make_conditional(request)


@well_known.get("/oauth-authorization-server")
def metadata() -> ResponseReturnValue:
    """Say what other programs can ask of us, and where (RFC 8414).

    There is no authorization endpoint and no token endpoint, so there are no grants either.
    """
    settings = current_settings()
    url = settings.public_url
    return jsonify(
        issuer=settings.jwt_issuer,
        jwks_uri=f"{url}/.well-known/jwks.json",
        introspection_endpoint=f"{url}/oauth/introspect",
        introspection_endpoint_auth_methods_supported=["Bearer"],
        revocation_endpoint=f"{url}/oauth/revoke",
        revocation_endpoint_auth_methods_supported=["none"],
        response_types_supported=[],
        grant_types_supported=[],
        scopes_supported=list(Scope),
    )


def _consumer() -> tuple[str, str]:
    """Name who fetches the keys: by its API token where it sends one, else by what it says."""
    where, value = origin(), bearer()
    if value is not None and api_tokens.is_one(value):
        with suppress(DomainError):
            token = api_tokens.authenticate(value, origin=where)
            name = api_tokens.get_token(token.user_id, token.token_id).name
            return f"{name} (API token {token.token_id})", where.address
    return where.user_agent, where.address


def _note(app: Flask, consumer: tuple[str, str], newest_kid: str) -> None:
    with app.app_context():
        jwks_fetches.note(*consumer, newest_kid)
