"""`make run`: serves the local setup with Werkzeug, in this process.

It is not for production.
"""

import signal
import socket
import sys
import threading
from collections.abc import Mapping

import click
from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

from authapp.cli.local_setup import HOST, run
from authapp.cli.worker import start_background_worker


class QuietHandler(WSGIRequestHandler):
    """Logs only failures, because paths can contain secrets."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        if str(code) >= "500":
            self.log("error", "%s: %s", self.command, code)


def serve(
    app: Flask, environ: Mapping[str, str], listener: socket.socket, signals: socket.socket
) -> int:
    """Serve until a signal arrives.

    It uses Werkzeug's server instead of the production one, which takes longer to start and runs
    in processes of its own.
    """
    server = make_server(
        HOST, 0, app, threaded=True, request_handler=QuietHandler, fd=listener.fileno()
    )
    interval = {"poll_interval": 0.1}
    thread = threading.Thread(target=server.serve_forever, kwargs=interval, daemon=True)
    thread.start()
    worker = start_background_worker(app)
    url = app.extensions["settings"].deployment.public_url
    click.echo(f"Serving at {url}  (read emails at {url}/dev/outbox; press Ctrl-C to stop)")
    signals.recv(1)
    # A second Ctrl-C stops at once, without waiting for a mail server.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    server.shutdown()
    thread.join()
    worker.stop()
    return 0


if __name__ == "__main__":
    sys.exit(run(serve))
