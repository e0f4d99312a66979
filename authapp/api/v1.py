"""`/api/v1/`: one blueprint per feature, and the OpenAPI document that describes them all."""

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from authapp.api import (
    account,
    api_tokens,
    login,
    openapi_document,
    sessions,
    step_up,
    token_reports,
)
from authapp.api.openapi import described
from authapp.config import current_settings

root = Blueprint("api", __name__, url_prefix="/api")
blueprint = Blueprint("api_v1", __name__, url_prefix="/api/v1")
for feature in (login, step_up, account, sessions, api_tokens, token_reports):
    blueprint.register_blueprint(feature.blueprint)


class OpenAPI(msgspec.Struct):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


@root.get("/openapi.json")
@described(returns={HTTPStatus.OK: OpenAPI})
def document() -> ResponseReturnValue:
    """Return this document."""
    return jsonify(openapi_document.document(current_settings().deployment.public_url))
