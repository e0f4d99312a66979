"""Signing in and out, and renewing a session, without a browser."""

from http import HTTPStatus
from typing import Literal

import msgspec
from flask import Blueprint, Response

from authapp import clock
from authapp.api.bodies import Body
from authapp.api.openapi import operation
from authapp.domain import known_devices
from authapp.domain.limits import request_budget
from authapp.domain.principal import Principal
from authapp.domain.sessions import Identity, SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import NotAllowed
from authapp.http.client import client
from authapp.services import login as service
from authapp.services import login_code, sign_out
from authapp.services import refresh as refresh_service

blueprint = Blueprint("login", __name__)


class Credentials(Body):
    """An account's email address and password; `remember` keeps the session longer.

    `device` is the value that an earlier sign-in on this device returned. Without it, the user is
    emailed about a sign-in on a new device. `remembered_device` is the value that a sign-in with
    `remember_device` returned: as long as it is valid, no second factor is needed.
    """

    email: str
    password: str
    remember: bool = False
    device: str = ""
    remembered_device: str = ""


class SecondFactor(Body):
    """The `pending` value of a sign-in, and a code of the authenticator app or a recovery code.

    `remember_device` makes a code of the app unnecessary on this device for
    REMEMBER_DEVICE_LIFETIME.
    """

    pending: str
    code: str
    device: str = ""
    remember_device: bool = False


class Renewal(Body):
    """The latest refresh token of a session."""

    refresh_token: str


class Grant(msgspec.Struct):
    """A session's tokens: send `access_token` with requests; `refresh_token` renews both."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str


class SignInGrant(Grant):
    """A new session's tokens, and what to send at the next sign-in on this device.

    `remembered_device` is a secret. It is null unless `remember_device` was sent.
    """

    device: str
    remembered_device: str | None


@blueprint.post("/login")
@operation(
    returns=(HTTPStatus.OK, SignInGrant),
    is_open=True,
    errors=[HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS],
)
def sign_in(json: Credentials) -> SignInGrant:
    """Start a session.

    If the account has a second factor, the error `second-factor-required` has `pending`: send it
    with a code to `/api/v1/login/code` within ten minutes.
    """
    request_budget.spend(client())
    signed_in = service.sign_in(
        json.email,
        json.password,
        remember=json.remember,
        device=SignInDevice(client(), json.device, json.remembered_device),
    )
    return _sign_in_grant(signed_in, json.device)


@blueprint.post("/login/code")
@operation(
    returns=(HTTPStatus.OK, SignInGrant),
    is_open=True,
    errors=[HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS],
)
def complete_sign_in(json: SecondFactor) -> SignInGrant:
    """Start the session of a sign-in that was refused as `second-factor-required`."""
    request_budget.spend(client())
    signed_in = login_code.complete_sign_in(
        json.pending,
        json.code,
        device=SignInDevice(client(), json.device),
        remember_device=json.remember_device,
    )
    return _sign_in_grant(signed_in, json.device)


@blueprint.post("/refresh")
@operation(
    returns=(HTTPStatus.OK, Grant),
    is_open=True,
    errors=[HTTPStatus.UNAUTHORIZED],
)
def refresh(json: Renewal) -> Grant:
    """Renew a session.

    If a response was lost, repeat the call: within REFRESH_OVERLAP it returns the same refresh
    token. Using an older refresh token ends the session, because one of the copies was stolen.
    """
    return grant(refresh_service.renew(json.refresh_token, client=client()))


@blueprint.post("/logout")
@operation(
    returns=(HTTPStatus.NO_CONTENT, None),
    errors=[HTTPStatus.FORBIDDEN],
)
def log_out(caller: Principal) -> Response:
    """End the current session; all of its tokens are refused from now on."""
    if not isinstance(caller, Identity):
        raise NotAllowed("an API token has no session to end")
    sign_out.sign_out(caller, client=client())
    return Response(status=HTTPStatus.NO_CONTENT)


def _sign_in_grant(signed_in: SignedIn, device: str) -> SignInGrant:
    learned = known_devices.learn(device, signed_in.identity.user_id)
    return SignInGrant(
        **msgspec.structs.asdict(grant(signed_in)),
        device=learned,
        remembered_device=signed_in.remembered or None,
    )


def grant(signed_in: SignedIn) -> Grant:
    """Return a session's tokens as a program gets them."""
    expires_in = int((signed_in.access_expires_at - clock.now()).total_seconds())
    return Grant(
        access_token=signed_in.access_token,
        token_type="Bearer",  # noqa: S106 - the scheme's name
        expires_in=max(0, expires_in),
        refresh_token=signed_in.refresh_token,
    )
