"""SIGHUP replaces the workers, but only if new ones could serve.

granian alone would stop the old workers even if no new one starts, and then exit: an error in one
setting would stop the service.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, cast

import structlog
from granian.server.mp import MPServer

from authapp import metrics

log = structlog.get_logger(__name__)

_MOST_SECONDS: Final = 120
"""How long a trial may take; everything that it waits for gives up sooner."""


_Handler = Callable[[int, None], Any]


class Replacement:
    """Replaces the workers of a server on SIGHUP, after a trial in a process of its own."""

    def __init__(self, server: MPServer) -> None:
        self._server = server
        self._start_seconds = server.respawn_interval
        # A signal can interrupt its own handler; of all queues, only this one allows that.
        self._signals: SimpleQueue[int] = SimpleQueue()

    def take_over(self) -> None:
        """Handle SIGHUP in place of granian, which has installed its own handler by now."""
        replace = cast(_Handler, signal.getsignal(signal.SIGHUP))
        signal.signal(signal.SIGHUP, lambda number, _frame: self._signals.put(number))
        threading.Thread(target=self._run, args=(replace,), name="replacement", daemon=True).start()

    def _run(self, replace: _Handler) -> None:
        while True:
            number = self._signals.get()
            # One trial answers all signals that came before it.
            while not self._signals.empty():
                self._signals.get()
            if self._would_start():
                replace(number, None)

    def _would_start(self) -> bool:
        """Return whether new workers could serve; if so, they get the time of the trial, too."""
        began = time.monotonic()
        fault = _try_a_worker()
        if fault:
            log.error("workers_not_replaced", reason=fault)
            return False
        self._server.respawn_interval = self._start_seconds + time.monotonic() - began
        return True


def _try_a_worker() -> str:
    """Return why a worker could not serve, or an empty string."""
    # The trial is not one of the processes whose metrics are added up.
    environ = {name: value for name, value in os.environ.items() if name != metrics.FOLDER}
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "deploy.trial"],
            env=environ,
            stdout=subprocess.PIPE,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the trial failed: {error}"
    if ended.returncode == 0:
        return ""
    return ended.stdout.strip() or f"the trial ended with exit code {ended.returncode}"
