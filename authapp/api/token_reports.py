"""`/api/v1/tokens/report`: where anybody may hand in an API token that they have come across."""

from http import HTTPStatus

from flask import Blueprint, Response

from authapp.api.bodies import Body
from authapp.api.openapi import operation
from authapp.http.client import client
from authapp.services import leaked_tokens

blueprint = Blueprint("token_reports", __name__, url_prefix="/tokens")


class LeakedToken(Body):
    """An API token's value, wherever it was found."""

    token: str


@blueprint.post("/report")
@operation(gives=(HTTPStatus.ACCEPTED, None), is_open=True)
def report(json: LeakedToken) -> Response:
    """Revoke the token and mail its owner; the answer is the same whatever was handed in."""
    leaked_tokens.report(json.token, client=client())
    return Response(status=HTTPStatus.ACCEPTED)
