"""What speaks JSON: for other programs, and for operations."""

from flask import Flask

from authapp.api import auth_check, health, metrics, oauth, v1, well_known


def init_app(app: Flask) -> None:
    """Register every blueprint; each of their routes says itself what it asks of its caller."""
    for module in (health, metrics, well_known, oauth, auth_check, v1):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(v1.root)
