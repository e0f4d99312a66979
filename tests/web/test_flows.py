"""Expired flows and forms without a flow lead to a clear page and change nothing."""

from collections.abc import Callable
from random import Random
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from authapp.web.flows import LIFETIME, MOST
from tests.support.accounts import PASSWORD
from tests.support.browsing import HOSTILE, cookie, hidden, post, sign_in
from tests.support.messages import code_to
from tests.support.on_sqlite import on_sqlite

LONGEST_COOKIE: Final = 4093
"""Browsers drop a longer one, with its name and its attributes."""


def open_links(client: FlaskClient, count: int) -> list[str]:
    """Open the given number of links, and return where each leads."""
    return [client.get(f"/password/reset/{number:x>200}").location for number in range(count)]


def register(client: FlaskClient, email: str) -> str:
    """Register, and return where that leads."""
    answer = post(client, "/register", email=email, password=PASSWORD)
    assert answer.status_code == 303
    return answer.location


@on_sqlite
@pytest.mark.parametrize("named", [None, "", "0123456789abcdef", *HOSTILE])
@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/verify/email/code", "/verify/email"),
        ("/password/reset/new", "/password/reset"),
    ],
)
def test_a_form_that_names_no_open_flow_is_refused(
    client: FlaskClient, path: str, page: str, named: str | bytes | None
) -> None:
    register(client, "new@example.org")
    client.get("/password/reset/some-link")
    fields = {"code": "123456", "new_password": PASSWORD, **hidden(client.get(page).text)}
    fields.pop("flow", None)

    answer = client.post(path, data=fields if named is None else {**fields, "flow": named})

    assert answer.status_code in (410, 413)


def test_an_outdated_page_says_what_to_do(client: FlaskClient) -> None:
    page = client.get(register(client, "new@example.org")).text
    fields = {**hidden(page), "flow": "of another tab"}

    answer = client.post("/verify/email/code", data={**fields, "code": "123456"})

    assert "This page is out of date" in answer.text
    assert 'href="/verify/email"' in answer.text


@on_sqlite
@pytest.mark.parametrize("named", ["", "0123456789abcdef", *HOSTILE])
@pytest.mark.parametrize(
    "path", ["/password/reset/new", "/password/reset/sent", "/verify/email", "/account/delete/done"]
)
def test_a_url_without_an_open_flow_shows_no_other_flow(
    client: FlaskClient, path: str, named: str | bytes
) -> None:
    register(client, "new@example.org")
    post(client, "/password/reset", email="new@example.org")

    answer = client.get(path, query_string={"flow": named})

    assert answer.status_code in (200, 410)
    assert "new@example.org" not in answer.text


def test_a_form_is_out_of_date_after_the_change_was_made_elsewhere(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/account/email", email="new@example.org")
    fields = hidden(client.get("/account/email").text)
    elsewhere = app.test_client()
    sign_in(elsewhere)
    code = code_to(app, "new@example.org")
    post(elsewhere, "/account/email/code", "/account/email", code=code)

    answer = client.post("/account/email/code", data={**fields, "code": code})

    assert answer.status_code == 410
    assert 'href="/account/email"' in answer.text


def test_the_oldest_flow_is_dropped_at_the_limit(client: FlaskClient) -> None:
    opened = open_links(client, MOST + 1)

    oldest, newest = client.get(opened[0]), client.get(opened[-1])

    assert "Open the link in the email again" in oldest.text
    assert "incomplete or invalid" in newest.text


def test_opening_a_link_again_reuses_its_flow(client: FlaskClient) -> None:
    first = open_links(client, 1)

    assert [open_links(client, 1) for _ in range(MOST)] == [first] * MOST


def test_the_cookie_stays_within_its_limit(client: FlaskClient) -> None:
    chance = Random(1)
    texts = [
        "".join(chr(chance.randrange(0x4E00, 0x9FFF)) for _ in range(200)) for _ in range(MOST)
    ]

    opened = [client.get(f"/password/reset/{text}").location for text in texts]

    assert len(cookie(client, "session")) < LONGEST_COOKIE - 500
    assert "incomplete or invalid" in client.get(opened[-1]).text


def test_a_flow_expires(client: FlaskClient, move_time: Callable[..., object]) -> None:
    opened = register(client, "new@example.org")

    with move_time(seconds=LIFETIME.total_seconds() - 60):
        assert "new@example.org" in client.get(opened).text
    with move_time(seconds=LIFETIME.total_seconds() + 60):
        assert "new@example.org" not in client.get(opened).text


@pytest.mark.parametrize("link", ["%ED%A0%80", "%00", "%F0%9F%94%91" * 100])
def test_an_invalid_link_is_refused_after_its_flow_opens(client: FlaskClient, link: str) -> None:
    assert client.get(f"/password/reset/{link}", follow_redirects=True).status_code == 410
