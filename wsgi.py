"""The WSGI application, for deploy/serve.py, the `flask` command and any other WSGI server."""

import os
import sys

from authapp import create_app
from authapp.errors import ConfigError, Unavailable
from authapp.token_cache import token_cache

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"authapp does not start: {error}")

# A server starts with the signing keys cached; a command may be the one that makes the tables.
if "FLASK_RUN_FROM_CLI" not in os.environ:
    with app.app_context():
        try:
            token_cache.warm_keys()
        except Unavailable:
            app.logger.warning("the signing keys were not warmed: the database does not answer")
