"""The WSGI application, for deploy/serve.py, the `flask` command and any other WSGI server."""

import os
import sys

import structlog

from authapp import create_app
from authapp.errors import ConfigError, Unavailable
from authapp.token_cache import token_cache

_IS_COMMAND = "FLASK_RUN_FROM_CLI" in os.environ

try:
    app = create_app(has_commands=_IS_COMMAND)
except ConfigError as error:
    sys.exit(f"authapp cannot start: {error}")

# A server caches the signing keys at startup. A command may run before the tables exist.
if not _IS_COMMAND:
    with app.app_context():
        try:
            token_cache.warm_keys()
        except Unavailable:
            structlog.get_logger(__name__).warning("signing_keys_not_cached")
