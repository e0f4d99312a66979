"""`/api/v1/tokens/report`: anyone who finds an API token can report it here."""

from http import HTTPStatus

from flask import Blueprint, Response

from authapp.api.bodies import Body
from authapp.api.openapi import operation
from authapp.http.client import client
from authapp.services import leaked_tokens

blueprint = Blueprint("token_reports", __name__, url_prefix="/tokens")


class LeakedToken(Body):
    """The value of an API token that was found."""

    token: str


@blueprint.post("/report")
@operation(returns=(HTTPStatus.ACCEPTED, None), is_open=True)
def report(json: LeakedToken) -> Response:
    """Revoke the token and email its owner; the response is the same for any value."""
    leaked_tokens.report(json.token, client=client())
    return Response(status=HTTPStatus.ACCEPTED)
