"""`make serve`: serves the local setup with the production server."""

import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

import click
from flask import Flask

from authapp import ROOT
from authapp.cli.embedded_valkey import die_with_parent
from authapp.cli.local_setup import HOST, run
from authapp.cli.worker import start_background_worker

_POLL_SECONDS: Final = 0.1


def serve(
    app: Flask, environ: Mapping[str, str], listener: socket.socket, signals: socket.socket
) -> int:
    """Run `python -m deploy.serve` until a signal arrives or it ends; return its exit code."""
    port = listener.getsockname()[1]
    # Its workers open sockets of their own.
    listener.close()
    server = _start({**environ, "SERVE_HOST": HOST, "SERVE_PORT": str(port)})
    worker = start_background_worker(app)
    signals.settimeout(_POLL_SECONDS)
    is_announced = False
    while server.poll() is None and not _is_signalled(signals):
        if not is_announced and _answers(port):
            is_announced = True
            url = app.extensions["settings"].deployment.public_url
            click.echo(f"Serving at {url}  (read emails at {url}/dev/outbox; press Ctrl-C to stop)")
    # A second Ctrl-C stops at once, without waiting for the last request.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.terminate()
    worker.stop()
    return server.wait()


def _start(environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.serve"],
        cwd=ROOT,
        env=environ,
        # Only this process handles Ctrl-C; it stops the server.
        start_new_session=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _is_signalled(signals: socket.socket) -> bool:
    try:
        return bool(signals.recv(1))
    except TimeoutError:
        return False


def _answers(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), _POLL_SECONDS).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(run(serve))
