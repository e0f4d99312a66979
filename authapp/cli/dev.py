"""The development launcher: an embedded Valkey, SQLite, made-up secrets, and a server.

`make run` runs it. Nothing of it is for production.
"""

import base64
import errno
import os
import secrets
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import click
import flask_migrate
from flask import Flask
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError
from werkzeug.serving import WSGIRequestHandler, make_server

from authapp import ROOT, create_app
from authapp.cli.embedded_valkey import embedded_valkey
from authapp.cli.outbox import start_background_worker
from authapp.config import DEVELOPMENT
from authapp.errors import ConfigError
from authapp.services import keys
from authapp.token_cache import token_cache

HOST: Final = "127.0.0.1"


class NotStarted(Exception):
    """Why there is nothing to serve, in one line."""


class QuietHandler(WSGIRequestHandler):
    """Logs failures only: paths may bear secrets."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) >= "500":
            super().log_request(code, size)


def main() -> int:
    """Serve until told to stop; return the exit code."""
    signals = _queue_signals()
    instance = Path(os.environ.get("AUTHAPP_INSTANCE") or ROOT / "instance").resolve()
    try:
        # First of all: who has the port may be this same launcher, at work on the same database.
        with _listen(os.environ.get("PORT") or "5000") as listener:
            environ = _environ(instance, listener.getsockname()[1])
            given = nullcontext(os.environ.get("REDIS_URL", ""))
            with given if "REDIS_URL" in os.environ else embedded_valkey() as redis_url:
                environ["REDIS_URL"] = redis_url
                _write(instance / "running.env", environ)
                app = create_app({**os.environ, **environ})
                _prepare(app)
                _serve(app, listener, signals)
    except (ConfigError, NotStarted) as error:
        click.echo(f"authapp does not start: {error}", err=True)
        return 1
    return 0


def _queue_signals() -> socket.socket:
    """Let no signal interrupt what is half done: each waits as a byte to be received."""
    told, teller = socket.socketpair()
    teller.setblocking(False)
    # A Python handler may come late: it waits for the main thread, which no signal may have woken.
    signal.set_wakeup_fd(teller.detach())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return told


def _listen(port: str) -> socket.socket:
    """Take the port; whoever calls before we serve waits. Port 0 takes any that is free."""
    try:
        return socket.create_server((HOST, int(port)), backlog=128)
    except (ValueError, OverflowError):
        raise NotStarted(f"PORT must be a number up to 65535, not {port!r}") from None
    except OSError as error:
        why = "is taken" if error.errno == errno.EADDRINUSE else f"is refused ({error.strerror})"
        raise NotStarted(f"port {port} {why}; choose another, such as PORT=5001") from None


def _environ(instance: Path, port: int) -> dict[str, str]:
    """Return the settings that the environment leaves to us, as they will be."""
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = {
        "DATABASE_URL": URL.create("sqlite", database=str(instance / "authapp.db")),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        **_kept_secrets(instance / "secrets.env"),
    }
    environ = {name: os.environ.get(name) or str(value) for name, value in ours.items()}
    return {**environ, "ENVIRONMENT": DEVELOPMENT}


def _kept_secrets(file: Path) -> dict[str, str]:
    """Return this instance's secrets; the first time they are made."""
    if not file.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "CACHE_SEALING_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
        _write(file, made)
    lines = (line.partition("=") for line in shlex.split(file.read_text()))
    return {name: value for name, _, value in lines}


def _write(file: Path, values: Mapping[str, str]) -> None:
    """Write settings as a shell reads them, whole or not at all, for nobody else to see."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))
    new.replace(file)


def _prepare(app: Flask) -> None:
    with app.app_context():
        try:
            flask_migrate.upgrade()
            keys.ensure_active()
            token_cache.warm_keys()
        except OperationalError as error:
            reason = str(error.orig).splitlines()[0]
            raise NotStarted(f"the database does not answer ({reason}); see DATABASE_URL") from None


def _serve(app: Flask, listener: socket.socket, signals: socket.socket) -> None:
    """Serve until a signal comes.

    Werkzeug's server and not gunicorn: it runs in this process, so that stopping it is ending a
    thread, and no other process is left to see to.
    """
    server = make_server(
        HOST, 0, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
    )
    interval = {"poll_interval": 0.1}
    thread = threading.Thread(target=server.serve_forever, kwargs=interval, daemon=True)
    thread.start()
    worker = start_background_worker(app)
    url = app.extensions["settings"].public_url
    click.echo(f"Serving at {url}  (mail lands at {url}/dev/outbox; Ctrl-C stops)")
    signals.recv(1)
    # Whoever presses it again does not want to wait for a mail server.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.shutdown()
    thread.join()
    worker.stop()


if __name__ == "__main__":
    sys.exit(main())
