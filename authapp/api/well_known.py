"""`/.well-known/`: what other programs need to verify our tokens."""

import json

from flask import Blueprint, Response, jsonify

from authapp.config import current_settings
from authapp.services import keys

well_known = Blueprint("well_known", __name__, url_prefix="/.well-known")


@well_known.get("/jwks.json")
def jwks() -> Response:
    """Serve the public halves of the next, active and retired keys (RFC 7517 section 5)."""
    response = jsonify(keys=[json.loads(key.public_jwk) for key in keys.published()])
    response.cache_control.public = True
    response.cache_control.max_age = int(current_settings().jwks_max_age.total_seconds())
    response.add_etag()
    return response
