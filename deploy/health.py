"""Check that this host's server is alive: `python -m deploy.health`, without curl.

It imports nothing of the application, because that would take more time than the check.
"""

import os
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Final

_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only read here
_SECONDS: Final = 3


def main() -> int:
    """Return 0 if `/healthz` responds with 200, otherwise 1."""
    host = os.environ.get("SERVE_HOST") or "127.0.0.1"
    port = int(os.environ.get("SERVE_PORT") or 8000)
    connection = HTTPConnection(_ANYWHERE.get(host, host), port, timeout=_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == HTTPStatus.OK else 1
    except (OSError, HTTPException) as error:
        sys.stderr.write(f"authapp does not answer: {error}\n")
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
