"""`/api/v1/`: one blueprint per feature, and the OpenAPI document that describes them all."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from authapp.api import account, api_tokens, login, openapi, sessions, step_up, token_reports

root = Blueprint("api", __name__, url_prefix="/api")
blueprint = Blueprint(openapi.BLUEPRINT, __name__, url_prefix="/api/v1")
for feature in (login, step_up, account, sessions, api_tokens, token_reports):
    blueprint.register_blueprint(feature.blueprint)


@root.get("/openapi.json")
def document() -> ResponseReturnValue:
    """Serve the OpenAPI document."""
    return jsonify(openapi.document())
