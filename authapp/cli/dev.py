"""The development launcher: an embedded Valkey, SQLite, made-up secrets, and a server.

`make run` runs it. Nothing of it is for production.
"""

import base64
import os
import re
import secrets
import signal
import socket
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import flask_migrate
from flask import Flask
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from authapp import ROOT, create_app
from authapp.cli.embedded_valkey import embedded_valkey
from authapp.cli.outbox import start_background_worker
from authapp.config import DEVELOPMENT
from authapp.errors import ConfigError
from authapp.services import keys


class QuietHandler(WSGIRequestHandler):
    """Logs failures only: paths may bear secrets."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) >= "500":
            super().log_request(code, size)


def main() -> int:
    """Serve until told to stop; return the exit code."""
    instance = Path(os.environ.get("AUTHAPP_INSTANCE") or ROOT / "instance")
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        listener = _listen(os.environ.get("PORT") or "5000")
    except OSError as error:
        return _refuse(str(error))
    port = listener.getsockname()[1]
    defaults = {
        "ENVIRONMENT": DEVELOPMENT,
        "DATABASE_URL": f"sqlite:///{instance / 'authapp.db'}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        **_kept_secrets(instance / "secrets.env"),
    }
    environ = {**defaults, **{name: value for name, value in os.environ.items() if value}}
    given = environ.get("REDIS_URL", "")
    with nullcontext(given) if given else embedded_valkey() as redis_url:
        try:
            app = create_app({**environ, "REDIS_URL": redis_url})
            _prepare(app)
        except (ConfigError, OSError) as error:
            return _refuse(str(error))
        server = make_server(
            "127.0.0.1",
            port,
            app,
            threaded=True,
            request_handler=QuietHandler,
            fd=listener.fileno(),
        )
        _serve(app, server)
    return 0


def _listen(port: str) -> socket.socket:
    """Take a port of this machine; raises OSError, in words, for one that cannot be had."""
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65_536:
        raise OSError("PORT must be a whole number from 1 to 65535")
    try:
        return socket.create_server(("127.0.0.1", int(port)))
    except OSError as error:
        raise OSError(f"PORT {port} is taken or not ours to take; choose another") from error


def _refuse(reason: str) -> int:
    print(f"authapp does not start: {reason}", file=sys.stderr)
    return 1


def _kept_secrets(file: Path) -> dict[str, str]:
    """Return this instance's secrets; the first time they are made."""
    if not file.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "CACHE_SEALING_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}={value}\n" for name, value in made.items()))
    lines = file.read_text().splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name}


def _prepare(app: Flask) -> None:
    with app.app_context():
        flask_migrate.upgrade()
        keys.ensure_active()


def _serve(app: Flask, server: BaseWSGIServer) -> None:
    """Serve from a thread, so that a signal only has to end a wait."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    worker = start_background_worker(app)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = app.extensions["settings"].public_url
    print(f"Serving at {url}  (mail lands at {url}/dev/outbox; Ctrl-C stops)", flush=True)
    stop.wait()
    server.shutdown()
    thread.join()
    worker.stop()


if __name__ == "__main__":
    sys.exit(main())
