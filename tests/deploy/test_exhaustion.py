"""A full disk and used-up open files delay or refuse requests, and end with their cause."""

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path

import psutil
import pytest

from authapp import create_app
from tests.api.calling import bearing
from tests.support.accounts import PASSWORD, add_user
from tests.support.applications import UNHURRIED, dispose, settings
from tests.support.servers import AppServer, RedisServer
from tests.support.waiting import PATIENCE_SECONDS

EMAIL = "somebody@example.org"

pytestmark = pytest.mark.xdist_group("processes")


@dataclass
class Product:
    """The production server with one worker, and its log."""

    server: AppServer
    log: Path

    @property
    def worker(self) -> psutil.Process:
        (worker,) = self.server.workers()
        return worker

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE_SECONDS)


@contextmanager
def running(database: Path, redis: RedisServer, log: Path) -> Iterator[Product]:
    environ = {**settings(f"sqlite:///{database}", redis.url), **UNHURRIED}
    app = create_app(environ)
    with app.app_context():
        add_user(EMAIL)
    dispose(app)
    with log.open("wb") as written:
        server = AppServer(environ, workers=1, log=written)
    with closing(server):
        server.wait_until_ready()
        yield Product(server, log)


def ask(
    connection: http.client.HTTPConnection, method: str, path: str, token: str = "", **body: str
) -> tuple[int, dict[str, str]]:
    """Send a request over an open connection, and return its status and JSON."""
    headers = {**(bearing(token) if token else {}), "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    response = connection.getresponse()
    answer = response.read()
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.status, json.loads(answer) if is_json else {}


def sign_in(connection: http.client.HTTPConnection) -> tuple[int, dict[str, str]]:
    return ask(connection, "POST", "/api/v1/login", email=EMAIL, password=PASSWORD)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, which a test can fill."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill a file system for the duration of the block."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    yield
    ballast.unlink()


def test_a_full_disk_is_an_outage_that_ends_with_it(
    small_disk: Path, sqlite_template: Path, redis_server: RedisServer, tmp_path: Path
) -> None:
    database = small_disk / "authapp.db"
    shutil.copy(sqlite_template, database)
    with (
        running(database, redis_server, tmp_path / "log") as product,
        closing(product.connect()) as connection,
    ):
        worker, token = product.worker, sign_in(connection)[1]["access_token"]
        checks = [ask(connection, "GET", "/auth/check", token)[0]]

        with full(small_disk):
            refused = [sign_in(connection)[0] for _ in range(5)]
            checks.append(ask(connection, "GET", "/auth/check", token)[0])
            readiness = ask(connection, "GET", "/readyz")
        accepted = sign_in(connection)[0]

        assert set(checks) == {HTTPStatus.NO_CONTENT}
        assert set(refused) == {HTTPStatus.SERVICE_UNAVAILABLE}
        assert (readiness[0], readiness[1]["database"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "full")
        assert accepted == HTTPStatus.OK
        assert product.worker == worker
        log = product.log.read_text()
        assert log.count("database_unavailable") == 1
        assert "unexpected_error" not in log


@contextmanager
def no_more_files(process: psutil.Process) -> Iterator[None]:
    """Let a process open no more files for the duration of the block."""
    used = {int(each.name) for each in Path(f"/proc/{process.pid}/fd").iterdir()}
    limits = process.rlimit(psutil.RLIMIT_NOFILE)
    lowest_free = next(number for number in count() if number not in used)
    process.rlimit(psutil.RLIMIT_NOFILE, (lowest_free, limits[1]))
    yield
    process.rlimit(psutil.RLIMIT_NOFILE, limits)


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_NOFILE"), reason="needs Linux")
def test_a_worker_without_free_files_goes_on_and_recovers(
    sqlite_template: Path, redis_server: RedisServer, tmp_path: Path
) -> None:
    database = tmp_path / "authapp.db"
    shutil.copy(sqlite_template, database)
    with (
        running(database, redis_server, tmp_path / "log") as product,
        closing(product.connect()) as connection,
        closing(product.connect()) as newcomer,
    ):
        worker, token = product.worker, sign_in(connection)[1]["access_token"]
        checks = [ask(connection, "GET", "/auth/check", token)[0]]
        # The second one, from a known device or not, uses all that a sign-in uses.
        assert sign_in(connection)[0] == HTTPStatus.OK

        with no_more_files(worker):
            newcomer.request("GET", "/healthz")
            checks.append(ask(connection, "GET", "/auth/check", token)[0])
            alive = ask(connection, "GET", "/healthz")[0]
            others = {sign_in(connection)[0], ask(connection, "GET", "/readyz")[0]}
        welcomed = newcomer.getresponse().status

        assert set(checks) == {HTTPStatus.NO_CONTENT}
        assert alive == welcomed == HTTPStatus.OK
        assert others <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
        assert sign_in(connection)[0] == HTTPStatus.OK
        assert product.worker == worker
        assert "Too many open files" in product.log.read_text()
