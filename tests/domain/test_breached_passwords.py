"""Passwords from data breaches, as a real HTTP server lists them."""

from collections.abc import Callable, Iterator
from hashlib import sha1

import pytest
from flask import Flask

from authapp.domain.breached_passwords import is_breached
from authapp.domain.passwords import hash_new_password
from authapp.errors import InputRefused
from tests.support.accounts import PASSWORD
from tests.support.http_service import HTTPService
from tests.support.on_sqlite import on_sqlite

DIGEST = sha1(PASSWORD.encode(), usedforsecurity=False).hexdigest().upper()

pytestmark = on_sqlite


@pytest.fixture
def service() -> Iterator[HTTPService]:
    service = HTTPService()
    yield service
    service.close()


@pytest.fixture
def app(make_app: Callable[..., Flask], service: HTTPService) -> Flask:
    return make_app(PWNED_PASSWORDS_URL=f"{service.url}/range/")


def listing(*lines: str) -> bytes:
    return "\r\n".join(["0" * 35 + ":0", *lines]).encode()


def test_a_listed_password_is_refused_and_the_service_learns_five_digits(
    app: Flask, service: HTTPService
) -> None:
    service.answer = lambda _request: (200, listing(f"{DIGEST[5:]}:3"))

    with app.app_context(), pytest.raises(InputRefused, match="breached"):
        hash_new_password(PASSWORD, field="password", context=[])

    (request,) = service.requests
    assert request.path == f"/range/{DIGEST[:5]}"
    assert request.headers["add-padding"] == "true"


@pytest.mark.parametrize("line", ["", f"{DIGEST[5:]}:0", f"{DIGEST[5:-1]}:7", f"{DIGEST}:7"])
def test_other_lines_and_padding_refuse_nothing(
    app: Flask, service: HTTPService, line: str
) -> None:
    service.answer = lambda _request: (200, listing(line))

    with app.app_context():
        assert not is_breached(PASSWORD)


@pytest.mark.parametrize(
    "answer", [(503, b""), (302, b""), (200, b"\xff\xfe"), (404, listing(f"{DIGEST[5:]}:3")), None]
)
def test_a_service_that_fails_refuses_nothing_and_is_logged(
    app: Flask,
    service: HTTPService,
    answer: tuple[int, bytes] | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service.answer = lambda _request: answer

    with app.app_context():
        assert hash_new_password(PASSWORD, field="password", context=[]).startswith("$argon2id$")

    assert "breached_passwords_not_checked" in caplog.text


def test_without_the_setting_no_service_is_asked(
    make_app: Callable[..., Flask], service: HTTPService
) -> None:
    with make_app().app_context():
        assert not is_breached(PASSWORD)

    assert service.requests == []
