"""The server that authapp ships with, against gunicorn and granian's own WSGI interface."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from authapp import ROOT
from tests.bench.ours import Ours, same
from tests.bench.throughput import CONNECTIONS, Subject
from tests.support.servers import AppServer, free_port

THREADS = 8
_GUNICORN = ("-m", "gunicorn", "--worker-class", "gthread", "--keep-alive", "60", "--workers", "2")
_GRANIAN = ("-m", "granian", "--interface", "wsgi", "--http", "1", "--no-ws", "--workers", "2")
OTHERS = {
    "gunicorn gthread": (*_GUNICORN, "--threads", str(THREADS), "--bind", "127.0.0.1:{port}"),
    "gunicorn gthread --preload": (
        *(*_GUNICORN, "--preload"),
        *("--threads", str(THREADS), "--bind", "127.0.0.1:{port}"),
    ),
    "granian --interface wsgi": (*_GRANIAN, "--blocking-threads", str(THREADS), "--port", "{port}"),
}
COMPARED = ("/healthz", "/auth/check, JWT", "/account")


class OtherServer(AppServer):
    """The application on another server, by that server's own command."""

    def __init__(self, environ: dict[str, str], command: tuple[str, ...]) -> None:
        self.port = free_port()
        filled = [each.format(port=self.port) for each in command]
        self.process = subprocess.Popen(
            [sys.executable, *filled, "wsgi:app"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environ},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        # To both servers: finish what is in progress. Neither ends by itself when we are killed.
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


@contextmanager
def compared(deployment: Ours) -> Iterator[list[Subject]]:
    """Serve one deployment by every server; ratios are to gunicorn's."""
    with ExitStack() as stack:
        served: dict[str, AppServer] = {}
        for name, command in OTHERS.items():
            served[name] = OtherServer(deployment.environ, command)
            stack.callback(served[name].close)
        ours = "python -m deploy.serve"
        served[ours] = AppServer(deployment.environ, workers=2, threads=THREADS)
        stack.callback(served[ours].close)
        for each in served.values():
            each.wait_until_ready()
        sent = deployment.requests()
        first = next(iter(OTHERS))
        yield [
            Subject(
                f"{server}: {path}",
                served[server].port,
                same(sent[path], CONNECTIONS),
                "" if server == first else f"{first}: {path}",
            )
            for path in COMPARED
            for server in served
        ]
