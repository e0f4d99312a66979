"""Fixtures: an application on real servers, and a real browser."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import flask_migrate
import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from authapp import clock, create_app
from authapp.models import User, db
from authapp.security import passwords
from authapp.services import keys
from tests.support.accounts import add_user
from tests.support.admins import add_promotion
from tests.support.agreement import disagreements
from tests.support.applications import (
    UNHURRIED,
    dispose,
    introduce_redis,
    settings,
    work_before_each_request,
)
from tests.support.databases import ReusableDatabase
from tests.support.faults import add_faults
from tests.support.mail import MailServer, mail_settings
from tests.support.operator import add_operator
from tests.support.servers import PostgresServer, RedisServer, accepting
from tests.support.sharing import (
    SharedTemplates,
    keep_what_is_imported,
    share_palettes,
    share_redis_version,
    share_routes,
    share_statements,
)
from tests.support.waiting import PATIENCE_SECONDS

_CHEAP_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
_CHEAP_HASH = _CHEAP_HASHER.hash("the password of no account")

_TEMPLATES = SharedTemplates()

PATIENCE_MS = PATIENCE_SECONDS * 1000
"""How long a page may take to show an element on an overloaded machine."""

_IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where no test waits for a disk, if the system has such a place."""

_DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))

_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

share_routes()
share_palettes()
share_statements()
share_redis_version()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long tests, so that at the end no worker waits for another."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    keep_what_is_imported()


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """An empty server, whatever the previous test did to it."""
    redis_process.heal()
    return redis_process


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    server = PostgresServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_database(postgres: PostgresServer) -> ReusableDatabase:
    template = postgres.create()
    _migrate(postgres.url(template))
    return ReusableDatabase(postgres, template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    _migrate(f"sqlite:///{file}")
    return file


def _migrate(url: str) -> None:
    """Migrate a database, generate its first signing keys, and close it."""
    app = create_app(settings(url, ""))
    with app.app_context():
        flask_migrate.upgrade()
        keys.ensure_active()
    dispose(app)


@pytest.fixture(params=_DATABASES)
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A separate migrated database, on each kind of server."""
    if request.param == "sqlite":
        with _sqlite_copy(request.getfixturevalue("sqlite_template")) as url:
            yield url
        return
    database: ReusableDatabase = request.getfixturevalue("postgres_database")
    yield request.getfixturevalue("postgres").url(database.lend())


@pytest.fixture(scope="module", params=_DATABASES)
def shared_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database for all tests of a module, whose servers are slow to start."""
    if request.param == "sqlite":
        with _sqlite_copy(request.getfixturevalue("sqlite_template")) as url:
            yield url
        return
    postgres: PostgresServer = request.getfixturevalue("postgres")
    name = postgres.create(request.getfixturevalue("postgres_database").template)
    yield postgres.url(name)
    postgres.drop(name)


@contextmanager
def _sqlite_copy(template: Path) -> Iterator[str]:
    with TemporaryDirectory(prefix="authapp-", dir=_IN_MEMORY) as folder:
        file = Path(folder) / "authapp.db"
        shutil.copy(template, file)
        yield f"sqlite:///{file}"


@pytest.fixture(scope="module")
def shared_environ(shared_database_url: str, redis_process: RedisServer) -> dict[str, str]:
    """The settings of servers that all tests of a module share."""
    return {**settings(shared_database_url, redis_process.url), **UNHURRIED}


@pytest.fixture
def lose_database(
    database_url: str, request: pytest.FixtureRequest, app: Flask
) -> Callable[[], None]:
    """Make the test's database unavailable to the application."""

    def lose() -> None:
        if database_url.startswith("sqlite"):
            file = Path(database_url.removeprefix("sqlite:///"))
            file.rename(file.with_suffix(".away"))
            file.mkdir()
            with app.app_context():
                db.engine.dispose()
            app.extensions["token_cache"].database.close()
        else:
            name = database_url.partition("@/")[2].partition("?")[0]
            request.getfixturevalue("postgres").drop(name)

    return lose


@pytest.fixture
def environ(database_url: str, redis_server: RedisServer) -> dict[str, str]:
    return {**settings(database_url, redis_server.url), **UNHURRIED}


@pytest.fixture(autouse=True)
def cheap_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash passwords with little memory, except in tests marked `real_passwords`."""
    if request.node.get_closest_marker("real_passwords") is None:
        monkeypatch.setattr(passwords, "_hasher", _CHEAP_HASHER)
        monkeypatch.setattr(passwords, "_dummy_hash", _CHEAP_HASH)


@pytest.fixture
def make_app(
    request: pytest.FixtureRequest, environ: dict[str, str]
) -> Iterator[Callable[..., Flask]]:
    """Create applications on the same servers; each represents a process.

    After the test, Redis and the database must agree.
    """
    made: list[Flask] = []

    def make(**changes: str) -> Flask:
        made.append(create_app({**environ, **changes}))
        made[-1].jinja_env.bytecode_cache = _TEMPLATES
        return made[-1]

    yield make
    clock_moved = "move_time" in request.fixturenames
    differing = {key for app in made for key in disagreements(app, clock_moved=clock_moved)}
    for app in made:
        dispose(app)
    if request.node.get_closest_marker("ends_in_disagreement") is None:
        assert differing == set(), "Redis and the database disagree after the test"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    app = make_app()
    introduce_redis(app)
    return app


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """The application's context, for a test that calls services."""
    with app.app_context():
        yield


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture
def mailing_app(mail_server: MailServer, make_app: Callable[..., Flask]) -> Flask:
    """An application that sends email through a real SMTP server."""
    return make_app(**mail_settings(mail_server.port))


@pytest.fixture
def user(app: Flask) -> User:
    """A verified user whose password is PASSWORD."""
    with app.app_context():
        return add_user("somebody@example.org")


@pytest.fixture
def live_server(environ: dict[str, str]) -> Iterator[str]:
    """The application served in this process, so that a moved clock moves it too."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # Passkeys need a domain.
        url = f"http://localhost:{listener.getsockname()[1]}"
        app = create_app({**environ, "PUBLIC_URL": url})
        app.jinja_env.bytecode_cache = _TEMPLATES
        introduce_redis(app)
        work_before_each_request(app)
        add_faults(app)
        add_operator(app)
        add_promotion(app)
        with accepting(listener, app):
            yield url
    dispose(app)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    path = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_QUIET)
        yield browser
        browser.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages, each in a new browser context, and fail if any of them logs an error."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(**options: object) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda message: note(message.type, message.text))
        return context.new_page()

    def note(type: str, text: str) -> None:
        # An intended 4xx response is not an error; a violation of the page's own policy is.
        if type == "error" and not text.startswith("Failed to load resource"):
            complaints.append(text)

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def move_time() -> Callable[..., time_machine.travel]:
    """Move the clock forward for the duration of a `with` block."""

    def move(**duration: float) -> time_machine.travel:
        return time_machine.travel(clock.now() + timedelta(**duration), tick=True)

    return move


@pytest.fixture
def new_hour() -> Iterator[None]:
    """Begin at the start of an hour, for tests of what is counted by the hour or by the day."""
    start = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    with time_machine.travel(start, tick=True):
        yield
