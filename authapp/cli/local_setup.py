"""The setup of `make run` and `make serve`: embedded Valkey, SQLite, generated secrets and a port.

It is not for production.
"""

import base64
import errno
import logging
import os
import secrets
import shlex
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final

import click
import flask_migrate
from flask import Flask
from sqlalchemy import URL
from sqlalchemy.exc import OperationalError

from authapp import ROOT, create_app
from authapp.cli.embedded_valkey import embedded_valkey
from authapp.config import DEVELOPMENT
from authapp.config.loader import FILE_SUFFIX
from authapp.errors import ConfigError
from authapp.models import db
from authapp.services import keys
from authapp.token_cache import token_cache

HOST: Final = "127.0.0.1"

Serve = Callable[[Flask, Mapping[str, str], socket.socket, socket.socket], int]
"""Given the application, its environment, its listening socket and a socket that receives a byte
for each signal, serves until a signal arrives and returns the exit code."""


class NotStarted(Exception):
    """Why the server cannot start, in one line."""


def run(serve: Serve) -> int:
    """Set everything up and serve until told to stop; return the exit code."""
    signals = _queue_signals()
    try:
        # Listen first: if another launcher has the port, it uses the same database.
        with (
            _listen(os.environ.get("PORT") or "5000") as listener,
            _set_up(listener.getsockname()[1]) as (app, environ),
        ):
            return serve(app, environ, listener, signals)
    except (ConfigError, NotStarted) as error:
        click.echo(f"authapp cannot start: {error}", err=True)
        return 1


@contextmanager
def _set_up(port: int) -> Iterator[tuple[Flask, Mapping[str, str]]]:
    """Yield an application whose servers are ready, and its complete environment."""
    instance = Path(os.environ.get("AUTHAPP_INSTANCE") or ROOT / "instance").resolve()
    environ = _environ(instance, port)
    given = nullcontext(os.environ.get("REDIS_URL", ""))
    with given if "REDIS_URL" in os.environ else embedded_valkey() as redis_url:
        environ["REDIS_URL"] = redis_url
        _write(instance / "running.env", environ)
        app = create_app({**os.environ, **environ})
        _prepare(app)
        yield app, {**os.environ, **environ}


def _queue_signals() -> socket.socket:
    """Return a socket that receives a byte for each signal, so that signals interrupt nothing."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    # A Python handler may run late: it waits for the main thread, which a signal may not wake.
    signal.set_wakeup_fd(sender.detach())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return receiver


def _listen(port: str) -> socket.socket:
    """Listen on the port, or on a free one if it is 0; connections wait until they are served."""
    try:
        return socket.create_server((HOST, int(port)), backlog=128)
    except (ValueError, OverflowError):
        raise NotStarted(f"PORT must be a number up to 65535, not {port!r}") from None
    except OSError as error:
        why = (
            "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
        )
        raise NotStarted(f"port {port} {why}; choose another, such as PORT=5001") from None


def _environ(instance: Path, port: int) -> dict[str, str]:
    """Return the settings that have a local default, from the environment where it has them."""
    instance.mkdir(mode=0o700, parents=True, exist_ok=True)
    defaults = {
        "DATABASE_URL": URL.create("sqlite", database=str(instance / "authapp.db")),
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "PHONE_REGIONS": "*",  # Texts are shown on the outbox page.
        "WEBHOOK_NETWORKS": "127.0.0.0/8,::1/128",
        **_load_secrets(instance / "secrets.env"),
    }
    environ = {
        name: os.environ.get(name) or str(value)
        for name, value in defaults.items()
        if not os.environ.get(f"{name}{FILE_SUFFIX}")
    }
    return {**environ, "ENVIRONMENT": DEVELOPMENT}


def _load_secrets(file: Path) -> dict[str, str]:
    """Return this instance's secrets, and generate them the first time."""
    if not file.exists():
        generated = {
            "SECRET_KEY": secrets.token_urlsafe(48),
            "KEY_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "CACHE_SEALING_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
        _write(file, generated)
    lines = (line.partition("=") for line in shlex.split(file.read_text()))
    return {name: value for name, _, value in lines}


def _write(file: Path, values: Mapping[str, str]) -> None:
    """Write settings in shell syntax, atomically, readable only by the current user."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()))
    new.replace(file)


def _prepare(app: Flask) -> None:
    # A line for each migration says nothing to someone who only tries authapp.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    with app.app_context():
        try:
            # Flask-Migrate would exit by itself.
            db.engine.connect().close()
            flask_migrate.upgrade()
            keys.ensure_active()
            token_cache.warm_keys()
        except OperationalError as error:
            reason = str(error.orig).splitlines()[0]
            raise NotStarted(
                f"the database is not available ({reason}); check DATABASE_URL"
            ) from None
