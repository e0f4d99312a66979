"""The development launchers, run as `make run` and `make serve` run them."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from authapp import ROOT
from tests.support.servers import RedisServer, free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until

Launch = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def launch() -> Iterator[Launch]:
    """Start launchers, and end those that a failed test left running."""
    started: list[subprocess.Popen[str]] = []

    def start(
        instance: Path, port: int, *, module: str = "authapp.cli.dev", **environ: str
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, "AUTHAPP_INSTANCE": str(instance), "PORT": str(port), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops_cleanly(launch: Launch, tmp_path: Path, stop: signal.Signals) -> None:
    port = free_port()
    process = launch(tmp_path / "instance", port)
    said = process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)

    assert f"http://127.0.0.1:{port}" in said
    assert "/dev/outbox" in said
    for path in ("/", "/healthz", "/readyz", "/register"):
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            assert answer.status == 200
    assert [child.name() for child in children] == ["valkey-server"]
    # It runs in its own session, where the terminal's Ctrl-C does not reach it.
    assert os.getsid(children[0].pid) == children[0].pid

    process.send_signal(stop)

    assert process.wait(PATIENCE_SECONDS) == 0
    assert psutil.wait_procs(children, PATIENCE_SECONDS)[1] == []
    process.communicate()


def read_until_served(process: "subprocess.Popen[str]") -> str:
    """Return the line that names the address; the production server logs before it."""
    for line in process.stdout:
        if line.startswith("Serving at"):
            return line
    pytest.fail(process.stderr.read())


@pytest.mark.long
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_production_server_serves_and_stops_cleanly(
    launch: Launch, tmp_path: Path, stop: signal.Signals
) -> None:
    port = free_port()
    process = launch(tmp_path / "instance", port, module="authapp.cli.serve", SERVE_WORKERS="2")
    said = read_until_served(process)
    children = psutil.Process(process.pid).children(recursive=True)

    assert f"http://127.0.0.1:{port}" in said
    for path in ("/", "/healthz", "/readyz", "/register", "/.well-known/jwks.json"):
        with urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            assert answer.status == 200
    assert "valkey-server" in [child.name() for child in children]
    assert len(children) >= 4

    process.send_signal(stop)

    assert process.wait(PATIENCE_SECONDS) == 0
    assert psutil.wait_procs(children, PATIENCE_SECONDS)[1] == []
    process.communicate()


@pytest.mark.long
def test_killing_the_launcher_ends_the_production_server(launch: Launch, tmp_path: Path) -> None:
    process = launch(tmp_path, free_port(), module="authapp.cli.serve", SERVE_WORKERS="2")
    read_until_served(process)
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()
    process.communicate()

    assert children
    assert psutil.wait_procs(children, PATIENCE_SECONDS)[1] == []


@pytest.mark.parametrize("after_seconds", [0.0, 0.2, 1.0])
def test_a_signal_during_startup_is_handled(
    launch: Launch, tmp_path: Path, after_seconds: float
) -> None:
    process = launch(tmp_path / "instance", free_port())
    wait_until_it_listens_to_signals(process)
    time.sleep(after_seconds)

    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0
    assert errors == ""


def wait_until_it_listens_to_signals(process: "subprocess.Popen[str]") -> None:
    wait_until(lambda: listens_to_signals(process), "it does not listen to signals")


def listens_to_signals(process: "subprocess.Popen[str]") -> bool:
    """Return whether the process handles SIGTERM, signal 15."""
    assert process.poll() is None
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = re.findall(r"SigCgt:\s*(\w+)", status)[0]
    return bool(int(caught, 16) >> 14 & 1)


def test_a_signal_delivered_to_another_thread_is_handled(launch: Launch, tmp_path: Path) -> None:
    process = launch(tmp_path / "instance", free_port())
    process.stdout.readline()

    # Ctrl-Z, `fg` and Ctrl-C in a row: the kernel may deliver the last one to any thread.
    for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGINT):
        process.send_signal(number)
    process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 0


@pytest.mark.long
def test_a_second_start_keeps_the_secrets_and_other_users_cannot_read_them(
    launch: Launch, tmp_path: Path
) -> None:
    kept = []
    for _ in range(2):
        process = launch(tmp_path, free_port())
        assert process.stdout.readline().startswith("Serving")
        process.terminate()
        process.communicate()
        kept.append((tmp_path / "secrets.env").read_text())

    assert kept[0] == kept[1]
    assert (tmp_path / "secrets.env").stat().st_mode & 0o077 == 0


def test_killing_the_launcher_ends_the_embedded_server(launch: Launch, tmp_path: Path) -> None:
    process = launch(tmp_path, free_port())
    process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()
    process.communicate()

    assert children
    assert psutil.wait_procs(children, PATIENCE_SECONDS)[1] == []


def test_a_configured_redis_is_used(
    launch: Launch, tmp_path: Path, redis_server: RedisServer
) -> None:
    port = free_port()
    process = launch(tmp_path / "instance", port, REDIS_URL=redis_server.url)
    process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)

    urlopen(f"http://127.0.0.1:{port}/.well-known/jwks.json").close()

    assert children == []
    with redis_server.client as client:
        assert client.exists("jwt_keys")


def test_make_flask_works_on_the_served_data(launch: Launch, tmp_path: Path) -> None:
    port = free_port()
    process = launch(tmp_path, port)
    process.stdout.readline()

    rotated = subprocess.run(
        ["make", "--no-print-directory", "flask", "ARGS=keys rotate --force"],
        cwd=ROOT,
        env={**os.environ, "AUTHAPP_INSTANCE": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    with urlopen(f"http://127.0.0.1:{port}/.well-known/jwks.json") as answer:
        published = answer.read().decode()

    assert rotated.stderr == ""
    assert rotated.stdout.split()[0] in published


def test_an_unavailable_database_is_reported_in_one_line(launch: Launch, tmp_path: Path) -> None:
    process = launch(tmp_path, free_port(), DATABASE_URL="postgresql://127.0.0.1:1/none")
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert errors.startswith("authapp cannot start: the database is not available")
    assert errors.count("\n") == 1


def test_a_taken_port_is_reported_in_one_line(launch: Launch, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = launch(tmp_path, taken.getsockname()[1])
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("authapp cannot start: ")
    assert "Traceback" not in errors


@pytest.mark.parametrize("port", ["nine", "-1", "99999"])
def test_a_bad_port_is_reported_in_one_line(launch: Launch, tmp_path: Path, port: str) -> None:
    process = launch(tmp_path, 0, PORT=port)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == 1
    assert "PORT" in errors
    assert "Traceback" not in errors
