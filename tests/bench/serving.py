"""Starts the applications that are compared, each on the production server, set up the same way."""

import http.client
import multiprocessing
import os
import subprocess
import sys
import time
from typing import Self

from authapp import ROOT
from authapp.cli.embedded_valkey import die_with_parent
from deploy.serve import Serving, server
from tests.support.servers import free_port
from tests.support.waiting import PATIENCE_SECONDS

EMAIL = "somebody@example.org"
"""The one account of each library that authapp is compared with."""


class Served:
    """One application, served by processes of its own."""

    def __init__(self, environ: dict[str, str], *, target: str, workers: int = 2) -> None:
        self.port = free_port()
        serving = {"SERVE_PORT": str(self.port), "SERVE_WORKERS": str(workers)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.serving", target],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **environ, **serving},
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )

    def wait_until_ready(self) -> Self:
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert self._process.poll() is None, "a server does not start"
            try:
                connection = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=PATIENCE_SECONDS
                )
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                connection.close()
                return self
            except OSError:
                assert time.monotonic() < give_up_at, "a server does not answer"
                time.sleep(0.05)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    server(Serving.load(os.environ), sys.argv[1]).serve()
