"""What each main request costs, counted exactly: SQL statements and round trips to Redis.

Processes trust Redis and their memory for longer here than in production, so that the polls
and checks that many requests share do not add to the one that is counted.
"""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from authapp import ROOT
from authapp.models import Scope, User
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import PASSWORD
from tests.support.applications import settings
from tests.support.browsing import cookie, sign_in
from tests.support.costs import cheapest, entered, measured, traced
from tests.support.servers import RedisServer

Call = Callable[[], object]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(CACHE_TRUST="5000", CACHE_LOCAL_TRUST="100")


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    """A client of a process that has read from Redis and therefore trusts it."""
    client = without_cookies(app)
    client.get("/.well-known/jwks.json")
    return client


def warm(call: Call) -> Call:
    """Make the call until nothing is left to load, and return it."""
    for _ in range(3):
        call()
    return call


def reads(app: Flask, user: User, client: FlaskClient) -> dict[str, Call]:
    """Return each read-only request by name."""
    session = begin(app, user)
    token = new_token(app, user, Scope.ACCOUNT_READ, Scope.INTROSPECT)
    sign_in(client)
    refresh_only = app.test_client()
    refresh_only.set_cookie("refresh_token", cookie(client, "refresh_token"))
    program, by_jwt, by_token = without_cookies(app), bearing(session.access_token), bearing(token)
    form = {"token": session.access_token}
    return {
        "healthz": lambda: program.get("/healthz"),
        "jwks": lambda: program.get("/.well-known/jwks.json"),
        "check by JWT": lambda: program.get("/auth/check", headers=by_jwt),
        "check by API token": lambda: program.get("/auth/check", headers=by_token),
        "check by access cookie": lambda: client.get("/auth/check"),
        "check by refresh cookie": lambda: refresh_only.get("/auth/check"),
        "introspect": lambda: program.post("/oauth/introspect", headers=by_token, data=form),
        "me by JWT": lambda: program.get("/api/v1/me", headers=by_jwt),
        "me by API token": lambda: program.get("/api/v1/me", headers=by_token),
        "account": lambda: client.get("/account"),
    }


@pytest.mark.parametrize(
    ("name", "statements", "round_trips"),
    [
        ("healthz", 0, 0),
        ("jwks", 0, 0),
        ("check by JWT", 0, 0),
        ("check by API token", 0, 0),
        ("check by access cookie", 0, 0),
        ("check by refresh cookie", 0, 0),
        ("introspect", 0, 0),
        ("me by JWT", 1, 0),
        ("me by API token", 1, 0),
        ("account", 1, 0),
    ],
)
def test_warm_read(
    app: Flask, client: FlaskClient, user: User, name: str, statements: int, round_trips: int
) -> None:
    call = warm(reads(app, user, client)[name])

    assert cheapest(call).counts == (statements, round_trips)


def test_sign_in(app: Flask, program: FlaskClient, user: User) -> None:
    body = {"email": user.email, "password": PASSWORD}

    assert cheapest(warm(lambda: program.post("/api/v1/login", json=body))).counts == (18, 5)


def test_refresh(app: Flask, program: FlaskClient, user: User) -> None:
    values = [begin(app, user).refresh_token]

    def refresh() -> None:
        answer = program.post("/api/v1/refresh", json={"refresh_token": values[-1]})
        values.append(answer.json["refresh_token"])

    assert cheapest(warm(refresh)).counts == (1, 3)


def test_log_out(app: Flask, program: FlaskClient, user: User) -> None:
    def log_out() -> None:
        program.post("/api/v1/logout", headers=headers.pop())

    headers = [bearing(begin(app, user).access_token) for _ in range(8)]

    assert cheapest(warm(log_out)).counts == (5, 4)


def test_create_api_token(app: Flask, program: FlaskClient, user: User) -> None:
    headers = bearing(begin(app, user).access_token)
    body = {"name": "program", "scopes": [Scope.ACCOUNT_READ], "expires_at": None}

    def create() -> None:
        assert program.post("/api/v1/tokens", headers=headers, json=body).status_code == 201

    assert cheapest(warm(create)).counts == (10, 3)


def test_revoke_api_token(app: Flask, program: FlaskClient, user: User) -> None:
    headers = bearing(begin(app, user).access_token)
    for _ in range(8):
        new_token(app, user, Scope.ACCOUNT_READ)
    listed = program.get("/api/v1/tokens", headers=headers).json["tokens"]
    ids = [token["id"] for token in listed]

    def revoke() -> None:
        answer = program.delete(f"/api/v1/tokens/{ids.pop()}", headers=headers)
        assert answer.status_code == 204

    assert cheapest(warm(revoke)).counts == (5, 3)


@pytest.mark.parametrize(
    ("name", "functions", "files"),
    [("healthz", 5, 3), ("check by JWT", 16, 12), ("check by API token", 18, 14)],
)
def test_hot_path_runs_little_code_and_raises_nothing(
    app: Flask, client: FlaskClient, user: User, name: str, functions: int, files: int
) -> None:
    call = warm(reads(app, user, client)[name])

    fewest = min((traced(call) for _ in range(5)), key=lambda trace: len(trace.functions))

    assert len(fewest.functions) <= functions, sorted(fewest.functions)
    assert len(fewest.files) <= files, sorted(fewest.files)
    assert fewest.exceptions == []


# The driver of PostgreSQL enters others.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_reading_the_account_enters_few_functions(app: Flask, user: User) -> None:
    headers = bearing(begin(app, user).access_token)
    environ = EnvironBuilder("/api/v1/me", headers=headers).get_environ()
    environ["REMOTE_ADDR"] = "192.0.2.1"
    call = warm(lambda: b"".join(app(dict(environ), lambda *_: None)))

    assert min(entered(call) for _ in range(5)) <= 410


def test_worker_imports_no_commands(database_url: str, redis_server: RedisServer) -> None:
    source = "import sys, deploy.serve, wsgi; print(*sys.modules)"
    environ = {"PATH": os.environ["PATH"], **settings(database_url, redis_server.url)}

    imported = subprocess.check_output([sys.executable, "-c", source], cwd=ROOT, env=environ)

    names = set(imported.decode().split())
    assert "authapp.web" in names
    assert not names & {"authapp.cli", "flask_migrate", "alembic", "mako"}


def test_counters_notice_a_cold_process(app: Flask, user: User) -> None:
    """A cold process costs more, and the counters above notice."""
    begin(app, user)

    with measured() as cost:
        app.test_client().get("/.well-known/jwks.json")

    assert cost.counts != (0, 0)
