"""`/.well-known/`: what other programs need to verify our tokens."""

import json
from functools import partial

from flask import Blueprint, Flask, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from authapp.config import current_settings
from authapp.http.origin import origin
from authapp.services import jwks_fetches, keys
from authapp.services.origin import Origin

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
    response.call_on_close(partial(_note, app, origin(), jwks_fetches.newest(published)))
    return response.make_conditional(request)


def _note(app: Flask, consumer: Origin, newest_kid: str) -> None:
    with app.app_context():
        jwks_fetches.note(consumer.user_agent, consumer.address, newest_kid)
