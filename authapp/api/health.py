"""`/healthz` and `/readyz`: whether the process is alive, and whether it can serve requests."""

from typing import Final

from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from authapp.models import db

blueprint = Blueprint("health", __name__)

_ALIVE: Final = b'{"status":"ok"}\n'


@blueprint.get("/healthz")
def healthz() -> Response:
    """Report that the process is alive, without using the cache or the database."""
    return Response(_ALIVE, content_type="application/json")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Report whether the database answers; without the cache, requests are only slower."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return jsonify(status="the database is not available"), 503
    return jsonify(status="ok"), 200
