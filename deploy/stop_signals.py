"""Signals that stop a worker wait until its event loop can handle them.

uvloop loses a signal that arrives between `add_signal_handler` and the first turn of the loop: the
worker would serve on until it is killed. Threads inherit the mask of the thread that starts them,
so it must be set before the first one starts.
"""

import signal
from typing import Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def hold() -> None:
    """Keep the signals pending, in this thread and in those that it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)


def release() -> None:
    """Handle the signals in this thread, and those that have arrived."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
