"""The address of a client, as reverse proxies report it."""

from collections.abc import Callable

import pytest
from flask import Flask

from authapp.domain.client import UNKNOWN, Client, parse_address
from authapp.http.client import client
from tests.support.on_sqlite import on_sqlite

BUDGET = 3


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(TRUSTED_PROXIES="1", REQUEST_BUDGET=str(BUDGET))


def send(app: Flask, *addresses: str) -> list[int]:
    """Send a limited request from each address, and return the statuses."""
    browser = app.test_client()
    sent = (
        browser.post("/oauth/revoke", data={"token": "x"}, headers={"X-Forwarded-For": address})
        for address in addresses
    )
    return [answer.status_code for answer in sent]


@pytest.mark.parametrize(
    ("reported", "address"),
    [
        ("203.0.113.8", "203.0.113.8"),
        ("203.0.113.8:40001", "203.0.113.8"),
        (" 203.0.113.8 ", "203.0.113.8"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.8", "203.0.113.8"),
        ("[::ffff:203.0.113.8]:443", "203.0.113.8"),
        ("", None),
        ("unknown", None),
        ("_hidden", None),
        ("unix:", None),
        ("203.0.113", None),
        ("203.0.113.8:port", None),
        ("203.0.113.8 203.0.113.9", None),
        ("[203.0.113.8", None),
        ("localhost:80", None),
        ("\xff\0", None),
    ],
)
def test_an_address_is_read_in_every_form(reported: str, address: str | None) -> None:
    assert parse_address(reported) == address


@pytest.mark.parametrize(
    ("address", "site"),
    [("203.0.113.8", "203.0.113.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("x", "x")],
)
def test_the_site_of_a_client_is_wider_than_its_network(address: str, site: str) -> None:
    assert Client(address, "").site == site


@on_sqlite
@pytest.mark.parametrize("form", ["203.0.113.8:{}", "[2001:db8::1]:{}", "[2001:db8::{}]:443"])
def test_connections_of_one_client_share_its_limits(app: Flask, form: str) -> None:
    statuses = send(app, *(form.format(4001 + number) for number in range(BUDGET + 1)))

    assert statuses == [200] * BUDGET + [429]


@on_sqlite
def test_clients_without_an_address_share_their_limits(app: Flask) -> None:
    statuses = send(app, "unknown", "_a", "_b", "localhost:80")

    assert statuses == [200] * BUDGET + [429]


@on_sqlite
def test_the_first_unreadable_address_is_logged(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    send(app, "_a", "_b")

    assert caplog.messages.count("client_address_unreadable") == 1


@on_sqlite
def test_an_unreadable_address_is_shown_as_unknown(app: Flask) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": "_hidden"}):
        assert client().address == UNKNOWN
