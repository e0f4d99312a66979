"""What speaks JSON: for other programs, and for operations."""

from flask import Flask

from authapp.api.health import health
from authapp.api.well_known import well_known


def init_app(app: Flask) -> None:
    """Register every blueprint; all of these are open to everybody."""
    for blueprint in (health, well_known):
        app.register_blueprint(blueprint)
