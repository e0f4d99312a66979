"""Log lines: their format, the id of their request, and what they must not contain."""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from authapp.http import logs
from authapp.models import Scope, User, db
from tests.api.calling import bearing, new_token
from tests.support.accounts import PASSWORD
from tests.support.applications import settings
from tests.support.browsing import cookie, post, sign_in
from tests.support.faults import add_faults
from tests.support.messages import code_to, newest_verification_link
from tests.support.on_sqlite import on_sqlite

Lines = Callable[[], list[dict[str, Any]]]
LOGIN = {"email": "somebody@example.org", "password": "not the password"}
GIVEN = "3f0c4a3e-0000-4000-8000-1234567890ab"

pytestmark = on_sqlite


@pytest.fixture
def logging_app(user: User, make_app: Callable[..., Flask]) -> Flask:
    """An application that logs everything; `user` needs one that logs less."""
    app = make_app(LOG_LEVEL="debug", TRUSTED_PROXIES="1")
    add_faults(app)
    return app


@contextmanager
def written(format: str) -> Iterator[StringIO]:
    """Collect what is written in a format."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(format))
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def output() -> Iterator[StringIO]:
    """Everything that is logged, as JSON."""
    with written("json") as stream:
        yield stream


@pytest.fixture
def lines(output: StringIO) -> Lines:
    """Return the lines that were logged."""
    return lambda: [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_refused_sign_in_is_an_event_with_the_time_and_the_request(
    logging_app: Flask, user: User, lines: Lines
) -> None:
    answer = logging_app.test_client().post("/api/v1/login", json=LOGIN)

    (line,) = [each for each in lines() if each["event"] == "sign_in_refused"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", line.pop("timestamp"))
    assert line == {
        "event": "sign_in_refused",
        "level": "info",
        "logger": "authapp.domain.activity",
        "request_id": answer.headers["X-Request-ID"],
        "user_id": str(user.id),
    }


@pytest.mark.parametrize(
    ("sent", "is_used"),
    [(GIVEN, True), ("short", False), ("x" * 129, False), ('a" b\\c injected', False), ("", False)],
)
def test_an_id_from_the_proxy_is_used_if_it_is_valid(
    logging_app: Flask, user: User, lines: Lines, sent: str, is_used: bool
) -> None:
    answer = logging_app.test_client().post(
        "/api/v1/login", json=LOGIN, headers={"X-Request-ID": sent}
    )

    assert (answer.headers["X-Request-ID"] == sent) == is_used
    ids = {line["request_id"] for line in lines() if line["event"] == "sign_in_refused"}
    assert ids == {answer.headers["X-Request-ID"]}


def test_without_a_trusted_proxy_each_id_is_generated(app: Flask, user: User) -> None:
    answer = app.test_client().post(
        "/api/v1/login",
        json=LOGIN,
        headers={"X-Request-ID": GIVEN},
    )

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_no_id_is_generated_for_a_request_that_logs_nothing(client: FlaskClient) -> None:
    assert "X-Request-ID" not in client.get("/healthz").headers


@pytest.mark.parametrize(("kind", "status"), [("unexpected", 500), ("outage", 503)])
def test_an_error_page_shows_the_id_of_its_request(
    logging_app: Flask, lines: Lines, kind: str, status: int
) -> None:
    page = logging_app.test_client().get(f"/fault/{kind}", headers={"X-Request-ID": GIVEN})

    assert page.status_code == status
    assert page.headers["X-Request-ID"] == GIVEN
    assert GIVEN in page.get_data(as_text=True)


def test_a_value_cannot_forge_a_line_of_text(app: Flask) -> None:
    with written("text") as output:
        structlog.get_logger("a").warning("event", value="a\n2026-01-01T00:00:00Z INFO b\x1b[31m")
        logging.getLogger("another").warning("a library's\nline")

    first, second = output.getvalue().splitlines()
    assert r"value=a\n2026-01-01T00:00:00Z INFO b\x1b[31m" in first
    assert r"WARNING a library's\nline" in second


def test_the_level_is_a_setting(make_app: Callable[..., Flask], lines: Lines) -> None:
    make_app(LOG_LEVEL="error")

    structlog.get_logger("authapp").warning("too_low")
    logging.getLogger("another").warning("too low")
    structlog.get_logger("authapp").error("high_enough")

    assert [line["event"] for line in lines()] == ["high_enough"]


def test_the_values_of_rows_are_not_logged(logging_app: Flask, user: User, lines: Lines) -> None:
    with logging_app.test_request_context():
        row = {"email": user.email, "email_key": user.email, "password_hash": "hash-of-it"}
        db.session.add(User(id=user.id, **row))
        try:
            db.session.commit()
        except Exception:
            structlog.get_logger("a").exception("failed")
        db.session.rollback()

    (line,) = [each for each in lines() if each["event"] == "failed"]
    assert "IntegrityError" in line["exception"]
    assert "hash-of-it" not in line["exception"]
    assert user.email not in line["exception"]


def test_the_values_in_a_message_of_postgresql_are_not_logged(
    logging_app: Flask, lines: Lines
) -> None:
    detail = "DETAIL:  Key (email_key)=(somebody@example.org) already exists."
    error = RuntimeError(f"duplicate key\n{detail}\n[SQL: INSERT]")

    structlog.get_logger("a").error("failed", exc_info=error)

    (line,) = [each for each in lines() if each["event"] == "failed"]
    assert line["exception"].endswith("RuntimeError: duplicate key\n[SQL: INSERT]")


def test_an_outage_of_the_database_is_logged_when_it_begins_and_when_it_ends(
    logging_app: Flask,
    database_url: str,
    lose_database: Callable[[], None],
    move_time: Callable[..., Any],
    lines: Lines,
) -> None:
    client = logging_app.test_client()
    client.get("/.well-known/jwks.json", headers={"User-Agent": "billing/1.0"})
    file = Path(database_url.removeprefix("sqlite:///"))
    lose_database()
    with logging_app.app_context():
        db.engine.dispose()

    statuses = [client.post("/api/v1/login", json=LOGIN).status_code for _ in range(3)]
    visit(client)
    file.rmdir()
    file.with_suffix(".away").rename(file)
    with move_time(seconds=10):
        client.post("/api/v1/login", json=LOGIN)

    assert set(statuses) == {503}
    events = [line["event"] for line in lines() if line["level"] in ("warning", "error")]
    assert events == ["database_unavailable", "database_available"]


def visit(client: FlaskClient) -> None:
    """Send requests of each kind, whatever their answer."""
    for path in ("/", "/login", "/account", "/auth/check", "/readyz", "/metrics", "/nothing"):
        client.get(path)
    for program in ("billing/2.0", "search/1.0", "reports/1.0"):
        client.get("/.well-known/jwks.json", headers={"User-Agent": program})
    for path in ("/register", "/password/reset", "/login"):
        client.post(path, data={"email": LOGIN["email"], "password": PASSWORD})
    for path in ("/api/v1/refresh", "/api/v1/tokens/report"):
        client.post(path, json={"refresh_token": "x", "token": "x"})


def use_everything(app: Flask, user: User) -> set[str]:
    """Go through the main flows, and return every secret and address that was involved."""
    secrets = {PASSWORD, user.email, "new@example.org", "+447400123456", "not the password"}
    newcomer, client = app.test_client(), app.test_client()
    post(newcomer, "/register", email="new@example.org", password=PASSWORD)
    link = newest_verification_link(app)
    newcomer.get(link)
    secrets |= {link.rpartition("/")[2], code_to(app, "new@example.org")}
    post(newcomer, "/verify/email/code", page="/verify/email", code=code_to(app, "new@example.org"))
    post(client, "/login", email=user.email, password="not the password")
    sign_in(client)
    secrets |= {cookie(client, name) for name in ("access_token", "refresh_token")}
    client.delete_cookie("access_token")
    client.get("/account")
    secrets |= {cookie(client, name) for name in ("access_token", "refresh_token")}
    post(client, "/verify/phone", region="GB", phone="+447400123456")
    secrets.add(code_to(app, "+447400123456"))
    post(client, "/password/reset", email=user.email)
    token = new_token(app, user, Scope.ACCOUNT_READ, Scope.INTROSPECT)
    secrets.add(token)
    client.get("/auth/check", headers=bearing(token))
    client.post("/oauth/introspect", headers=bearing(token), data={"token": token})
    client.post("/api/v1/refresh", json={"refresh_token": cookie(client, "refresh_token")})
    client.post("/api/v1/tokens/report", json={"token": token})
    client.get("/auth/check", headers=bearing(token))
    client.get("/fault/unexpected")
    return secrets


def test_nothing_that_was_logged_is_secret_or_personal(
    logging_app: Flask, user: User, output: StringIO
) -> None:
    secrets = use_everything(logging_app, user)
    secrets |= {value for name, value in settings("", "").items() if "KEY" in name}

    logged = output.getvalue()

    assert {"registered", "signed_in", "sign_in_refused", "api_token_leaked"} <= {
        json.loads(line)["event"] for line in logged.splitlines()
    }
    parts = {part for secret in secrets for part in secret.split(".") if len(part) >= 6}
    assert [each for each in sorted(secrets | parts) if each in logged] == []
