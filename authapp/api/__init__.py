"""What speaks JSON: for other programs, and for operations."""

from flask import Flask

from authapp.api.auth_check import auth_check
from authapp.api.health import health
from authapp.api.metrics import metrics
from authapp.api.oauth import oauth
from authapp.api.v1 import api, v1
from authapp.api.well_known import well_known


def init_app(app: Flask) -> None:
    """Register every blueprint; each of their routes says itself what it asks of its caller."""
    for blueprint in (health, metrics, well_known, oauth, auth_check, api, v1):
        app.register_blueprint(blueprint)
