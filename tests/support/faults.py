"""Pages that fail, each in a different way, to test what the visitor sees."""

from datetime import timedelta
from typing import Final

from flask import Blueprint, Flask, Response

from authapp.errors import NotAllowed, TooManyAttempts, Unavailable
from authapp.web.access import Access, allow

FAULTS: Final[dict[str, Exception]] = {
    "forbidden": NotAllowed("not theirs"),
    "too-many": TooManyAttempts(timedelta(seconds=95)),
    "unexpected": RuntimeError("a fault of ours"),
    "outage": Unavailable(),
}


def add_faults(app: Flask) -> None:
    """Add the pages to an application, below /fault."""
    fault = Blueprint("fault", __name__, url_prefix="/fault")

    @fault.get("/<kind>")
    def fail(kind: str) -> Response:
        raise FAULTS[kind]

    allow(app, fault, Access.ANYONE)
