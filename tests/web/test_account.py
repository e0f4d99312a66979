"""The account page, and the menu of every page of the account."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from authapp.web.account import SECTIONS
from tests.support.browsing import sign_in
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

ENTRY = re.compile(r'<a href="([^"]+)"\s+(?:aria-current="(\w+)")?\s*>([^<]+)</a>\s*</li>')


def entries(client: FlaskClient, path: str) -> list[tuple[str, str, str]]:
    """Return the URL, the `aria-current` and the name of each entry of a page's menu."""
    answer = client.get(path)
    assert answer.status_code == 200, path
    menu = re.search(r'<nav class="menu".*?</nav>', answer.get_data(as_text=True), re.DOTALL)
    return ENTRY.findall(menu[0]) if menu else []


def test_each_section_is_in_the_menu_and_current_on_its_own_page(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        offered = [str(section.name) for section in SECTIONS if section.is_offered()]

    menu = entries(client, "/account")

    assert [name for _, _, name in menu] == offered
    for url, _, name in menu:
        # Without a number, the section is the page that adds one.
        page, current = (url, "page") if url != "/account/phone" else ("/verify/phone", "true")
        assert [(each, state) for _, state, each in entries(client, page) if state] == [
            (name, current)
        ]


@pytest.mark.parametrize(
    ("page", "section"),
    [("/account/tokens/new", "API tokens"), ("/account/second-factors/remove", "Two-step sign-in")],
)
def test_pages_below_a_section_belong_to_it(
    client: FlaskClient, user: User, page: str, section: str
) -> None:
    sign_in(client)

    assert [(name, state) for _, state, name in entries(client, page) if state] == [
        (section, "true")
    ]


def test_only_pages_of_the_account_have_the_menu(client: FlaskClient, user: User) -> None:
    assert entries(client, "/login") == []
    sign_in(client)
    assert entries(client, "/password/reset") == []
    assert entries(client, "/password/change") != []


def test_links_with_the_same_text_are_named_after_their_rows(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    page = client.get("/account").get_data(as_text=True)

    ids = set(re.findall(r'id="([^"]+)"', page))
    named = re.findall(r'aria-labelledby="([^"]+)"', page)
    assert len(named) == len(set(named)) >= 9
    assert {id for names in named for id in names.split()} <= ids
