"""Signing keys in tests: running their commands, reading their states, and fetching them."""

from flask import Flask
from flask.testing import FlaskClient

from authapp.services import keys


def run_keys(app: Flask, *arguments: str) -> tuple[int, str]:
    """Run `flask keys` and return its exit code and its output."""
    ended = app.test_cli_runner().invoke(args=["keys", *arguments])
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    return ended.exit_code, ended.output


def key_states(app: Flask) -> list[str]:
    """Return the state of each key, sorted."""
    with app.app_context():
        return sorted(key.state for key in keys.list_keys())


def fetch_keys(client: FlaskClient, program: str, **headers: str) -> int:
    """Fetch the published keys and return the status.

    Reads the answer to its end: the fetch is recorded after that.
    """
    path = "/.well-known/jwks.json"
    with client.get(path, headers={"User-Agent": program, **headers}) as answer:
        return answer.status_code
