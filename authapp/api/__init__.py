"""JSON endpoints, for other programs and for operations."""

from flask import Flask

from authapp.api import auth_check, health, metrics, oauth, v1, well_known


def init_app(app: Flask) -> None:
    """Register every blueprint; each route declares or checks its caller's access itself."""
    for module in (health, metrics, well_known, oauth, auth_check, v1):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(v1.root)
