"""The production server in its shipped configuration: two workers with eight threads each."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from itertools import product
from uuid import uuid4

import pytest
from flask import Flask

from authapp import ROOT
from authapp.models import Scope, TokenUse, User, db
from tests.api.calling import bearing, new_token
from tests.support.accounts import PASSWORD, add_user
from tests.support.servers import AppServer, free_port
from tests.support.waiting import PATIENCE_SECONDS, wait_until

WORKERS, THREADS = 2, 8
BODY_SECONDS = 6
IDLE_SECONDS = 3

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.parametrize("shared_database_url", ["sqlite"], indirect=True, scope="module"),
]


@contextmanager
def running(environ: dict[str, str]) -> Iterator[AppServer]:
    timeout = {
        "SERVE_BODY_TIMEOUT": str(BODY_SECONDS),
        "SERVE_IDLE_TIMEOUT": str(IDLE_SECONDS),
    }
    server = AppServer(
        {**environ, "TRUSTED_PROXIES": "1"}, workers=WORKERS, threads=THREADS, **timeout
    )
    with closing(server):
        server.wait_until_ready()
        yield server


@pytest.fixture(scope="module")
def server(shared_environ: dict[str, str]) -> Iterator[AppServer]:
    """A server that no test may stop."""
    with running(shared_environ) as server:
        yield server


@pytest.fixture
def own_server(shared_environ: dict[str, str]) -> Iterator[AppServer]:
    """A server for a test that stops it, or one of its workers."""
    with running(shared_environ) as server:
        yield server


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    return shared_database_url


@pytest.fixture
def user(app: Flask) -> User:
    """A verified user, whom no other test on this database has seen."""
    with app.app_context():
        return add_user(f"{uuid4()}@example.org")


def ask(
    server: AppServer, method: str, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, object]]:
    """Send a request, and return its status and JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    sent = None if body is None else json.dumps(body)
    if sent:
        headers["Content-Type"] = "application/json"
    try:
        connection.request(method, path, sent, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    is_json = "json" in response.headers.get("Content-Type", "")
    return response.status, json.loads(answer) if is_json else {}


def sign_in(server: AppServer, user: User) -> dict[str, str]:
    """Sign in, and return the header that authenticates requests."""
    given = {"email": user.email, "password": PASSWORD}
    status, grant = ask(server, "POST", "/api/v1/login", given)
    assert status == HTTPStatus.OK
    return {"Authorization": f"Bearer {grant['access_token']}"}


def send_raw(server: AppServer, *lines: str, body: bytes = b"") -> socket.socket:
    """Send a request, or part of one, over a new connection."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


def send_slow_body(server: AppServer, *, chunked: bool = False) -> socket.socket:
    """Announce a body of a thousand bytes, or of any length, and send one byte."""
    head = ("POST /api/v1/login HTTP/1.1", "Host: a", "Content-Type: application/json")
    if chunked:
        return send_raw(server, *head, "Transfer-Encoding: chunked", body=b"3e8\r\n{")
    return send_raw(server, *head, "Content-Length: 1000", body=b"{")


def send_slow_head(server: AppServer) -> socket.socket:
    """Send part of a request's headers."""
    connection = socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS)
    connection.sendall(b"POST /api/v1/login HTTP/1.1\r\nHost: a\r\nX-Sl")
    return connection


def read_all(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    with connection, connection.makefile("rb") as received:
        return received.read()


def test_it_signs_in_and_checks_tokens(server: AppServer, user: User) -> None:
    proof = sign_in(server, user)

    assert ask(server, "GET", "/healthz") == (HTTPStatus.OK, {"status": "ok"})
    assert ask(server, "GET", "/auth/check", **proof)[0] == HTTPStatus.NO_CONTENT
    assert ask(server, "GET", "/auth/check")[0] == HTTPStatus.UNAUTHORIZED
    assert ask(server, "GET", "/api/v1/me", **proof)[1]["email"] == user.email


def test_a_session_that_ended_is_refused_by_every_worker(server: AppServer, user: User) -> None:
    proof = sign_in(server, user)

    assert ask(server, "POST", "/api/v1/logout", **proof)[0] == HTTPStatus.NO_CONTENT

    answers = {ask(server, "GET", "/auth/check", **proof)[0] for _ in range(WORKERS * 10)}
    assert answers == {HTTPStatus.UNAUTHORIZED}


def test_slow_bodies_do_not_delay_other_requests(server: AppServer, user: User) -> None:
    proof = sign_in(server, user)

    slow: list[socket.socket] = []
    for number in (1, 8, WORKERS * THREADS * 2):
        slow += [send_slow_body(server, chunked=each % 2 == 1) for each in range(number)]
        began = time.monotonic()
        for _ in range(10):
            assert ask(server, "GET", "/healthz")[0] == HTTPStatus.OK
            assert ask(server, "GET", "/auth/check", **proof)[0] == HTTPStatus.NO_CONTENT
        assert time.monotonic() - began < BODY_SECONDS, number
    for connection in slow:
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_slow_headers_do_not_delay_other_requests(server: AppServer) -> None:
    slow = [send_slow_head(server) for _ in range(WORKERS * THREADS * 2)]

    wait_until_accepted(server)

    # The server closes them after SERVE_IDLE_TIMEOUT.
    assert {read_all(connection)[:12] for connection in slow} <= {b"", b"HTTP/1.1 408"}


def test_oversized_headers_are_refused(server: AppServer) -> None:
    for size, status in ((32, b"200"), (128, b"431")):
        header = f"X-Long: {'x' * size * 1024}"
        answer = read_all(send_raw(server, "GET /healthz HTTP/1.1", "Host: a", header,
                                   "Connection: close"))  # fmt: skip
        assert answer.startswith(b"HTTP/1.1 " + status), size


def test_a_truncated_body_does_not_affect_other_requests(server: AppServer, user: User) -> None:
    for _ in range(WORKERS * THREADS * 2):
        send_slow_body(server).close()

    assert ask(server, "GET", "/healthz")[0] == HTTPStatus.OK
    sign_in(server, user)


def test_an_oversized_body_is_refused(server: AppServer, app: Flask) -> None:
    size = app.config["MAX_CONTENT_LENGTH"] + 1
    body = b" " * size
    head = ("POST /api/v1/login HTTP/1.1", "Host: a", "Content-Type: application/json")
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)

    for framing, sent in (
        (f"Content-Length: {size}", body),
        ("Transfer-Encoding: chunked", chunked),
    ):
        answer = read_all(send_raw(server, *head, "Connection: close", framing, body=sent))
        assert answer.startswith(b"HTTP/1.1 413 "), framing


def test_a_header_with_an_underscore_is_not_trusted(
    server: AppServer, app: Flask, user: User
) -> None:
    forged = {"X-Forwarded-For": "192.0.2.7", "X_Forwarded_For": "203.0.113.9"}
    given = {"email": user.email, "password": PASSWORD}
    grant = ask(server, "POST", "/api/v1/login", given, **forged)[1]

    proof = {"Authorization": f"Bearer {grant['access_token']}"}
    sessions = ask(server, "GET", "/api/v1/sessions", **proof)[1]

    assert "192.0.2.7" in json.dumps(sessions)
    assert "203.0.113.9" not in json.dumps(sessions)


ODD_LINES = (
    "GET * HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "GET /%ff/%zz HTTP/1.1",
    "GET /\xe9 HTTP/1.1",
    "GET //x HTTP/1.1",
    "HEAD /login HTTP/1.1",
)
ODD_HEADERS = ("Host: a", "Host:", "Host: a b", "X-Other: \xe9")


def test_odd_requests_cause_no_server_errors(server: AppServer) -> None:
    for line, header in product(ODD_LINES, ODD_HEADERS):
        answer = read_all(send_raw(server, line, header, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 "), (line, header)
        assert int(answer[9:12]) < HTTPStatus.INTERNAL_SERVER_ERROR, (line, header)


def test_a_request_in_progress_is_finished_when_the_server_stops(
    own_server: AppServer, user: User
) -> None:
    given = json.dumps({"email": user.email, "password": PASSWORD}).encode()
    head = ("POST /api/v1/login HTTP/1.1", "Host: a", "Content-Type: application/json")
    connection = send_raw(own_server, *head, f"Content-Length: {len(given)}", body=given[:-1])
    wait_until_accepted(own_server)

    with connection:
        own_server.process.send_signal(signal.SIGTERM)
        wait_until_refused(own_server)
        connection.sendall(given[-1:])

        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert own_server.process.wait(PATIENCE_SECONDS) == 0


STARTING_WORKER = """
import os, signal, uvloop
from deploy.serve import application

worker, loop = application(), uvloop.new_event_loop()
loop.add_signal_handler(signal.SIGTERM, loop.stop)
worker.__rsgi_init__(loop)
os.kill(os.getpid(), signal.SIGTERM)
loop.run_forever()
os._exit(0)
"""
"""What a worker of granian does; its signal arrives before its loop runs."""


def test_a_worker_that_is_starting_stops_when_asked(shared_environ: dict[str, str]) -> None:
    started = [sys.executable, "-c", STARTING_WORKER]
    subprocess.run(started, env=shared_environ, cwd=ROOT, timeout=PATIENCE_SECONDS, check=True)


def wait_until_accepted(server: AppServer) -> None:
    """Wait until each worker has accepted all earlier connections: a queue is served in order."""
    for _ in range(WORKERS * 4):
        assert ask(server, "GET", "/healthz")[0] == HTTPStatus.OK


def wait_until_refused(server: AppServer) -> None:
    """Wait until no worker accepts new connections."""
    wait_until(lambda: is_refused(server), "the server goes on")


def is_refused(server: AppServer) -> bool:
    try:
        ask(server, "GET", "/healthz")
    except OSError:
        return True
    return False


def test_a_stopping_worker_writes_its_pending_token_uses(
    own_server: AppServer, app: Flask, user: User
) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ)
    assert ask(own_server, "GET", "/auth/check", **bearing(token))[0] == HTTPStatus.NO_CONTENT

    own_server.process.send_signal(signal.SIGTERM)

    assert own_server.process.wait(PATIENCE_SECONDS) == 0
    with app.app_context():
        assert db.session.query(TokenUse).count() == 1


def test_a_killed_worker_is_replaced(own_server: AppServer) -> None:
    workers = own_server.workers()

    workers[0].kill()

    wait_until(
        lambda: set(own_server.workers()) - set(workers),
        "no worker takes its place",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"SERVE_WORKERS": "none"}, "SERVE_WORKERS must be a whole number"),
        ({"SERVE_PORT": "0"}, "SERVE_PORT must be a whole number"),
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
    ],
)
def test_a_bad_setting_is_reported_in_one_line(
    environ: dict[str, str], change: dict[str, str], said: str
) -> None:
    done = start(environ, change)

    assert done.returncode == 1
    assert done.stderr.startswith(f"authapp cannot start: {said}")
    assert done.stderr.count("\n") == 1


def test_a_taken_port_is_reported_in_one_line(environ: dict[str, str], server: AppServer) -> None:
    done = start(environ, {"SERVE_PORT": str(server.port)})

    assert done.returncode == 1
    assert "it is in use" in done.stderr
    assert done.stderr.count("\n") == 1


def test_too_low_a_limit_on_open_files_is_reported_in_one_line(environ: dict[str, str]) -> None:
    limited = f"ulimit -n 512; exec {sys.executable} -m deploy.serve"

    done = subprocess.run(
        ["/bin/sh", "-c", limited],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ, "SERVE_PORT": str(free_port())},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "the limit on open files is 512" in done.stderr
    assert done.stderr.count("\n") == 1


def start(environ: dict[str, str], change: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "deploy.serve"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environ, **change},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
