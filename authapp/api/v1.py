"""`/api/v1/`: one blueprint a feature, and the document that describes them all."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from authapp.api import openapi
from authapp.api.account import account
from authapp.api.api_tokens import api_tokens
from authapp.api.login import login
from authapp.api.sessions import sessions
from authapp.api.token_reports import token_reports

api = Blueprint("api", __name__, url_prefix="/api")
v1 = Blueprint(openapi.BLUEPRINT, __name__, url_prefix="/api/v1")
for feature in (login, account, sessions, api_tokens, token_reports):
    v1.register_blueprint(feature)


@api.get("/openapi.json")
def document() -> ResponseReturnValue:
    """Serve the OpenAPI document."""
    return jsonify(openapi.document())
