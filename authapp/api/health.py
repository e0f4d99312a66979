"""`/healthz` and `/readyz`: whether the process is alive, and whether it can serve requests."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final, Literal

import msgspec
from flask import Blueprint, Response, current_app, jsonify

from authapp.api.openapi import described
from authapp.services.readiness import ReadinessCheck

blueprint = Blueprint("health", __name__)

_ALIVE: Final = b'{"status":"ok"}\n'
_RETRY_AFTER_SECONDS: Final = 5


class Alive(msgspec.Struct):
    """The process is alive."""

    status: Literal["ok"]


class Ready(msgspec.Struct):
    """What the process can use; docs/operation.md lists the values."""

    status: Literal["ok", "not ready"]
    database: str
    redis: str
    signing_keys: str


@blueprint.record
def _add_check(state: Any) -> None:
    state.app.extensions["readiness"] = ReadinessCheck()


@blueprint.get("/healthz")
@described(returns={HTTPStatus.OK: Alive})
def healthz() -> Response:
    """Report that the process is alive, without using the cache or the database."""
    return Response(_ALIVE, content_type="application/json")


@blueprint.get("/readyz")
@described(returns={HTTPStatus.OK: Ready, HTTPStatus.SERVICE_UNAVAILABLE: Ready})
def readyz() -> Response:
    """Report the state of the database, Redis and the signing keys; 503 if requests would fail."""
    found = current_app.extensions["readiness"].result()
    response = jsonify(status="ok" if found.is_ready else "not ready", **asdict(found))
    if not found.is_ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(_RETRY_AFTER_SECONDS)
    return response
