"""`/api/v1/tokens/report`: where anybody may hand in an API token that they have come across."""

from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from authapp.http.origin import origin
from authapp.http.problems import InputFaulty
from authapp.services import leaked_tokens

token_reports = Blueprint("token_reports", __name__, url_prefix="/api/v1/tokens")


@token_reports.post("/report")
def report() -> Response:
    """Revoke the token and mail its owner; the answer is the same whatever was handed in."""
    leaked_tokens.report(_token(), origin=origin())
    return Response(status=202)


def _token() -> str:
    if not request.is_json:
        raise UnsupportedMediaType
    try:
        body = request.get_json()
    except RecursionError:
        raise BadRequest from None
    token = body.get("token") if isinstance(body, dict) else None
    if not isinstance(token, str):
        raise InputFaulty([{"field": "token", "code": "missing"}])
    return token
