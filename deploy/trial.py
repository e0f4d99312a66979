"""`python -m deploy.trial`: check that a worker could serve with the current settings and code.

SIGHUP runs it before it replaces any worker. Exits with 1, and the reason in one line on standard
output, if a worker would not start or its `/readyz` would respond with 503.
"""

import sys

from authapp.services import readiness


def fault() -> str | None:
    """Return why a worker could not serve, or None if it could."""
    try:
        from wsgi import app  # noqa: PLC0415 - loading it is what may fail
    except SystemExit as error:
        return str(error.code).removeprefix("authapp cannot start: ")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    with app.app_context():
        found = readiness.check()
    if found.is_ready:
        return None
    return f"/readyz would say: database {found.database}, signing keys {found.signing_keys}"


def main() -> int:
    """Print the fault, if there is one; return the exit code."""
    found = fault()
    if found is None:
        return 0
    sys.stdout.write(f"{'; '.join(found.splitlines())}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
