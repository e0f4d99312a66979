"""The production server: run `python -m deploy.serve` in the project's folder.

Each setting is an environment variable with its default here; docs/operation.md explains them.
"""

import errno
import multiprocessing
import os
import resource
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Final, NoReturn, Self

from flask import Flask
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

from authapp import metrics
from authapp.config import load
from authapp.errors import ConfigError
from authapp.http import logs
from deploy import stop_signals
from deploy.replacement import Replacement
from deploy.wsgi_over_rsgi import WSGIOverRSGI

_BACKLOG: Final = 1024
_OPEN_FILES: Final = 2 * _BACKLOG
"""Open files of a worker: connections from clients, to the database and to Redis, and others."""

_ALLOCATION_ARENAS: Final = "2"
"""Limits glibc's arenas: one for each thread of a worker would hold megabytes of unused memory."""

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - each server creates its own folder there

_MOST_HEADER_BYTES: Final = 64 * 1024
"""How long the headers of a request may be, which are parsed for every request."""


@dataclass(frozen=True)
class Serving:
    """The server's settings; authapp.config has those of the application."""

    host: str
    port: int
    workers: int
    threads: int
    idle_seconds: int
    body_seconds: int
    start_seconds: int
    stop_seconds: int

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Self:
        """Return the settings of an environment; raises ConfigError."""
        return cls(
            host=environ.get("SERVE_HOST") or "127.0.0.1",
            port=_whole(environ, "SERVE_PORT", 8000, most=65_535),
            workers=_whole(environ, "SERVE_WORKERS", max(2, os.cpu_count() or 1), most=256),
            threads=_whole(environ, "SERVE_THREADS", 8, most=256),
            idle_seconds=_whole(environ, "SERVE_IDLE_TIMEOUT", 60, most=600),
            body_seconds=_whole(environ, "SERVE_BODY_TIMEOUT", 15, most=600),
            start_seconds=_whole(environ, "SERVE_START_TIMEOUT", 10, most=600),
            stop_seconds=_whole(environ, "SERVE_STOP_TIMEOUT", 30, most=1_800),
        )


def _whole(environ: Mapping[str, str], name: str, default: int, *, most: int) -> int:
    given = environ.get(name) or str(default)
    if given.isascii() and given.isdigit() and 1 <= int(given) <= most:
        return int(given)
    raise ConfigError(f"{name} must be a whole number from 1 to {most}, not {given!r}")


def application() -> WSGIOverRSGI:
    """Return a worker's application; each worker loads its own."""
    stop_signals.hold()
    from wsgi import app  # noqa: PLC0415 - the parent process serves nothing

    serving = Serving.load(os.environ)
    return WSGIOverRSGI(
        app,
        threads=serving.threads,
        body_limit=app.config["MAX_CONTENT_LENGTH"],
        body_seconds=serving.body_seconds,
        on_stop=partial(_end_worker, app),
    )


def _end_worker(app: Flask) -> NoReturn:
    """Write the counters and last uses that the cache holds, and exit at once.

    granian's threads outlive a normal exit of Python, and can block or abort it.
    """
    app.extensions["token_cache"].close()
    os._exit(0)


def main() -> int:
    """Serve until SIGTERM or SIGINT; return the exit code."""
    try:
        logs.configure(load(os.environ))
        serving = Serving.load(os.environ)
        _require_free(serving.host, serving.port)
        _allow_open_files()
    except ConfigError as error:
        sys.stderr.write(f"authapp cannot start: {error}\n")
        return 1
    # Workers read it when they start.
    os.environ.setdefault("MALLOC_ARENA_MAX", _ALLOCATION_ARENAS)
    # A forked worker would inherit the unfinished state of the parent's threads.
    multiprocessing.set_start_method("spawn")
    with (
        TemporaryDirectory(prefix="authapp-metrics-", dir=_memory()) as metrics_folder,
        TemporaryDirectory(prefix="authapp-hashing-", dir=_memory()) as hashing_folder,
    ):
        # Its workers add up their metrics there, and share the slots for hashing.
        os.environ[metrics.FOLDER] = metrics_folder
        os.environ["HASHING_FOLDER"] = hashing_folder
        served = server(serving, "deploy.serve:application")
        served.on_startup(Replacement(served).take_over)
        served.serve()
    return 0


def _memory() -> str | None:
    """Return a folder in memory, or None for the usual one if the system has none.

    A full disk would kill each worker that counts something new, and programs that clean up the
    usual folder delete what has not been used for days.
    """
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


def _allow_open_files() -> None:
    """Raise the limit on open files, which is often too low for _BACKLOG connections per worker.

    A server that has reached its limit accepts no connections, and cannot even log that.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if hard != resource.RLIM_INFINITY and hard < _OPEN_FILES:
        raise ConfigError(f"the limit on open files is {hard}; raise it to {_OPEN_FILES} or more")


def _require_free(host: str, port: int) -> None:
    """Raise ConfigError if the port is in use: workers share it, so a second server could too."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            is_in_use = error.errno == errno.EADDRINUSE
            reason = "it is in use" if is_in_use else str(error.strerror)
            raise ConfigError(f"cannot listen at {host} port {port}: {reason}") from None


def server(serving: Serving, target: str) -> MPServer:
    """Return a server of the application that `target`, a `module:function`, creates."""
    return MPServer(
        target,
        factory=True,
        address=serving.host,
        port=serving.port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        workers=serving.workers,
        backlog=_BACKLOG,
        # Maximum number of open connections per worker; others wait in the backlog.
        backpressure=_BACKLOG,
        http1_settings=HTTP1Settings(
            header_read_timeout=serving.idle_seconds * 1000, max_buffer_size=_MOST_HEADER_BYTES
        ),
        respawn_failed_workers=True,
        # On SIGHUP, a worker is stopped this long after the one that replaces it was started;
        # Replacement adds the time of a trial.
        respawn_interval=serving.start_seconds,
        workers_kill_timeout=serving.stop_seconds,
        log_level=LogLevels.info,
        # Its lines look like those of the application.
        log_dictconfig={"loggers": {"_granian": {"propagate": True}}},
        # Paths can contain secrets; the proxy in front writes the access log.
        log_access=False,
    )


if __name__ == "__main__":
    sys.exit(main())
