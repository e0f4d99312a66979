"""`flask security enumeration` measures a served application, and finds what it reveals."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import pbkdf2_hmac
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask import Flask

from authapp.domain.email_addresses import find_owner
from authapp.models import EmailSignInRequest, OutboxMessage, PasswordResetRequest, User, db
from authapp.services import login
from authapp.services.enumeration import samples
from authapp.services.enumeration.requests import EXPECTED
from authapp.services.enumeration.samples import STATES
from tests.support.accounts import DEVICE
from tests.support.servers import free_port, serving

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("new_hour"),
]

Spoil = Callable[[list[tuple[str, str]]], list[tuple[str, str]]]
"""Does something while a request about an account is answered, and returns the headers."""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(TRUSTED_PROXIES="1")


@contextmanager
def revealing(app: Flask, spoil: Spoil, *, of: str = "") -> Iterator[None]:
    """Make the registration of an address that has an account differ.

    `of` is how the hashes of these accounts begin.
    """
    serve = app.wsgi_app

    def spoiled(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        email = parse_qs(body.decode()).get("email", [""])[0]
        with app.app_context():
            owner = find_owner(email) if environ["PATH_INFO"] == "/register" else None
            is_known = owner is not None and owner.password_hash.startswith(of)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, spoil(headers) if is_known else headers, *rest)

        return serve(environ, start)

    app.wsgi_app = spoiled
    yield
    app.wsgi_app = serve


def measure(app: Flask, url: str, *options: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["security", "enumeration", url, *options])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def test_nothing_reveals_whether_an_address_has_an_account(app: Flask) -> None:
    with serving(app) as port:
        code, output = measure(app, f"http://127.0.0.1:{port}", "--rounds", "2", "--ignore-time")

    assert code == 0, output
    assert f"No difference in {len(STATES) * len(EXPECTED)} comparisons" in output
    with app.app_context():
        for model in (User, OutboxMessage, PasswordResetRequest, EmailSignInRequest):
            assert db.session.scalars(db.select(model)).all() == []


def test_a_longer_time_is_found(app: Flask) -> None:
    def work(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        pbkdf2_hmac("sha256", b"more", b"work", 300_000)
        return headers

    with serving(app) as port, revealing(app, work):
        code, output = measure(
            app, f"http://127.0.0.1:{port}", "--rounds", "8", "--state", "existing"
        )

    assert code == 1, output
    assert re.search(r"^register +existing .* time$", output, re.MULTILINE), output


@pytest.mark.parametrize(
    ("added", "part"), [(("X-Account", "yes"), "headers"), (("Set-Cookie", "a=b"), "cookies")]
)
def test_a_different_answer_is_found(app: Flask, added: tuple[str, str], part: str) -> None:
    with serving(app) as port, revealing(app, lambda headers: [*headers, added]):
        code, output = measure(
            app,
            f"http://127.0.0.1:{port}",
            *("--rounds", "1", "--state", "existing", "--state", "unverified", "--ignore-time"),
        )

    assert code == 1
    assert re.search(rf"^register +existing .* {part}$", output, re.MULTILINE), output
    assert re.search(r"^register +unverified .* none$", output, re.MULTILINE), output


def test_what_differs_for_imported_accounts_alone_is_found(app: Flask) -> None:
    added = ("X-Account", "yes")

    with (
        serving(app) as port,
        revealing(app, lambda headers: [*headers, added], of="imported:"),
    ):
        code, output = measure(
            app,
            f"http://127.0.0.1:{port}",
            *("--rounds", "1", "--state", "existing", "--state", "imported", "--ignore-time"),
        )

    assert code == 1
    assert re.search(r"^register +imported .* headers$", output, re.MULTILINE), output
    assert re.search(r"^register +existing .* none$", output, re.MULTILINE), output


def test_an_imported_sample_is_an_account_that_its_password_opens(app: Flask) -> None:
    with app.app_context():
        created = samples.create(["imported"], 1, "example.com")
        email = created.addresses["imported"][0]
        stored = find_owner(email).password_hash

        login.sign_in(email, created.password, remember=False, device=DEVICE)

        assert stored.startswith("imported:")
        assert not find_owner(email).password_hash.startswith("imported:")


def test_too_few_rounds_are_refused(app: Flask) -> None:
    code, output = measure(app, "http://127.0.0.1:1", "--rounds", "5")

    assert code == 2
    assert "too few" in output


def test_a_deployment_that_refuses_every_form_is_not_measured(app: Flask) -> None:
    serve = app.wsgi_app
    app.wsgi_app = lambda environ, start: serve(
        {**environ, "HTTP_SEC_FETCH_SITE": "cross-site"}, start
    )

    with serving(app) as port:
        code, output = measure(app, f"http://127.0.0.1:{port}", "--rounds", "1", "--ignore-time")

    assert code == 2
    assert '"register" was answered with 400 instead of 303' in output


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}", "127.0.0.1:{port}"])
def test_a_deployment_that_does_not_answer_is_not_measured(app: Flask, url: str) -> None:
    code, output = measure(app, url.format(port=free_port()))

    assert code == 2
    assert "No difference" not in output


def test_a_deployment_with_another_database_is_not_measured(
    app: Flask, make_app: Callable[..., Flask], sqlite_template: Path, tmp_path: Path
) -> None:
    copy = shutil.copy(sqlite_template, tmp_path / "other.db")
    other = make_app(DATABASE_URL=f"sqlite:///{copy}", REDIS_URL="")

    with serving(other) as port:
        code, output = measure(app, f"http://127.0.0.1:{port}")

    assert code == 2
    assert "settings of the deployment" in output


def test_a_deployment_that_limits_the_visitors_is_not_measured(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(TRUSTED_PROXIES="0")

    with serving(app) as port:
        code, output = measure(
            app, f"http://127.0.0.1:{port}", "--rounds", "30", "--state", "existing"
        )

    assert code == 2
    assert "TRUSTED_PROXIES" in output


def test_a_busy_deployment_is_not_measured(app: Flask) -> None:
    serve = app.wsgi_app

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] == "POST":
            start_response("503 Service Unavailable", [("Retry-After", "5")])
            return [b""]
        return serve(environ, start_response)

    app.wsgi_app = answer
    with serving(app) as port:
        code, output = measure(app, f"http://127.0.0.1:{port}", "--rounds", "1", "--ignore-time")

    assert code == 2
    assert "too busy, or cannot reach its database" in output
