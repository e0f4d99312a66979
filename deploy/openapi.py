"""The OpenAPI document as a file: `python -m deploy.openapi > docs/openapi.json`.

It is what a server at an example address returns at /api/openapi.json; a test compares the two.
"""

import json
import sys
from typing import Final

from flask import Flask

from authapp import api
from authapp.api.openapi_document import document

_SERVER: Final = "https://accounts.example.org"


def as_file() -> str:
    """Return the file; only the routes of the API are needed, and no settings."""
    app = Flask("authapp")
    api.init_app(app)
    with app.app_context():
        return json.dumps(document(_SERVER), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_file())
