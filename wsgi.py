"""The WSGI entry point: `gunicorn wsgi:app`."""

import sys

from authapp import create_app
from authapp.errors import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"authapp does not start: {error}")
