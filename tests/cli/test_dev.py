"""The development launcher, run as `make run` runs it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from authapp import ROOT
from tests.servers import free_port


def launch(instance: Path, port: int, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "authapp.cli.dev"],
        cwd=ROOT,
        env={**os.environ, "AUTHAPP_INSTANCE": str(instance), "PORT": str(port), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_and_stops_without_a_trace(tmp_path: Path, stop: signal.Signals) -> None:
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

    process.send_signal(stop)

    assert process.wait(10) == 0
    assert psutil.wait_procs(children, 5)[1] == []
    process.communicate()


def test_a_second_start_keeps_the_secrets_and_others_cannot_read_them(tmp_path: Path) -> None:
    kept = []
    for _ in range(2):
        process = launch(tmp_path, free_port())
        assert process.stdout.readline().startswith("Serving")
        process.terminate()
        process.communicate()
        kept.append((tmp_path / "secrets.env").read_text())

    assert kept[0] == kept[1]
    assert (tmp_path / "secrets.env").stat().st_mode & 0o077 == 0


def test_the_embedded_server_dies_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    process = launch(tmp_path, free_port())
    process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)

    process.kill()
    process.communicate()

    assert children
    assert psutil.wait_procs(children, 5)[1] == []


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = launch(tmp_path, taken.getsockname()[1])
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert errors.strip().splitlines()[-1].startswith("authapp does not start: ")
    assert "Traceback" not in errors


@pytest.mark.parametrize("port", ["nine", "-1", "99999"])
def test_a_bad_port_is_one_line(tmp_path: Path, port: str) -> None:
    process = launch(tmp_path, 0, PORT=port)
    _, errors = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "PORT" in errors
    assert "Traceback" not in errors
