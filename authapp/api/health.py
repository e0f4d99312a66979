"""`/healthz` and `/readyz`: is the process alive, and can it answer?"""

from typing import Final

from flask import Blueprint, Response, jsonify
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from authapp.models import db

blueprint = Blueprint("health", __name__)

_ALIVE: Final = b'{"status":"ok"}\n'


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive, without asking the cache or the database."""
    return Response(_ALIVE, content_type="application/json")


@blueprint.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Return whether the database answers; a cache that is away only costs speed."""
    try:
        db.session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return jsonify(status="the database is not available"), 503
    return jsonify(status="ok"), 200
