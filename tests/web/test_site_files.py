"""Addresses that browsers, password managers and security researchers try on every site."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp import clock
from tests.support.browsing import sign_in
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite


def test_password_managers_find_the_page_that_changes_the_password(
    client: FlaskClient, user: object
) -> None:
    sign_in(client)

    answer = client.get("/.well-known/change-password", follow_redirects=True)

    assert answer.request.path == "/password/change"
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("contact", "line"),
    [
        ("security@example.org", "Contact: mailto:security@example.org"),
        ("https://example.org/report", "Contact: https://example.org/report"),
    ],
)
def test_security_txt_has_what_the_standard_requires(
    make_app: Callable[..., Flask], contact: str, line: str
) -> None:
    answer = make_app(SECURITY_CONTACT=contact).test_client().get("/.well-known/security.txt")

    fields = dict(each.split(": ", 1) for each in answer.get_data(as_text=True).splitlines())
    assert answer.mimetype == "text/plain"
    assert f"Contact: {fields['Contact']}" == line
    assert fields["Canonical"].endswith("/.well-known/security.txt")
    assert fields["Expires"] > clock.now().isoformat()


def test_without_a_contact_there_is_no_security_txt(client: FlaskClient) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404


def test_search_engines_are_asked_to_stay_away(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")

    assert answer.get_data(as_text=True) == "User-agent: *\nDisallow: /\n"


def test_the_favicon_is_the_icon_of_the_brand(client: FlaskClient) -> None:
    answer = client.get("/favicon.ico", follow_redirects=True)

    assert answer.mimetype == "image/svg+xml"
