"""Confirming who the user of a session is, before operations that require it (RFC 9470)."""

from http import HTTPStatus

from flask import Blueprint

from authapp.api.bodies import Body
from authapp.api.login import Grant, grant
from authapp.api.openapi import operation
from authapp.domain.principal import Principal
from authapp.domain.sessions import Identity
from authapp.errors import NotAllowed
from authapp.http.client import client
from authapp.services import step_up as service

blueprint = Blueprint("step_up", __name__, url_prefix="/confirm")


class Password(Body):
    """The password of the account."""

    password: str


class Code(Body):
    """A code of the account's authenticator app."""

    code: str


@blueprint.post("/password")
@operation(
    returns=(HTTPStatus.OK, Grant),
    errors=[HTTPStatus.FORBIDDEN],
)
def confirm_password(caller: Principal, json: Password) -> Grant:
    """Confirm with the password, and return the session's next tokens.

    After too many wrong passwords and codes in a row, the session ends.
    """
    return grant(service.confirm_password(_session(caller), json.password, client=client()))


@blueprint.post("/code")
@operation(
    returns=(HTTPStatus.OK, Grant),
    errors=[HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS],
)
def confirm_code(caller: Principal, json: Code) -> Grant:
    """Confirm with a code of the authenticator app, and return the session's next tokens.

    Each code works once, at sign-in or here. Recovery codes only work at sign-in.
    """
    return grant(service.confirm_code(_session(caller), json.code, client=client()))


def _session(caller: Principal) -> Identity:
    if not isinstance(caller, Identity):
        raise NotAllowed("an API token has no session")
    return caller
