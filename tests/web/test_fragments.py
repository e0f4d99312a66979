"""Parts of pages that are kept once rendered are what would be rendered anew."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import User
from tests.support.browsing import sign_in
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

PARTS = re.compile(r'<link rel="icon".*?</head>|<nav class="menu".*?</nav>|<dl.*?</dl>', re.DOTALL)
PAGES = ("/account", "/account/tokens", "/account/tokens/new", "/account/unknown", "/login")


def parts(client: FlaskClient, page: str, language: str) -> list[str]:
    """Return the parts of a page that may be kept."""
    client.set_cookie("language", language)
    return PARTS.findall(client.get(page).get_data(as_text=True))


@pytest.mark.parametrize("language", ["de", "ar"])
def test_kept_parts_are_those_of_the_page_and_the_language(
    app: Flask, client: FlaskClient, user: User, language: str
) -> None:
    sign_in(client)
    for page in PAGES:
        parts(client, page, "en")
        parts(client, page, language)
    kept = {page: parts(client, page, language) for page in PAGES}

    app.extensions["fragments"].clear()
    app.jinja_env.auto_reload = True

    assert {page: parts(client, page, language) for page in PAGES} == kept
    assert len({tuple(each) for each in kept.values()}) == len(PAGES)


def test_edited_templates_are_rendered_while_they_are_reloaded(app: Flask) -> None:
    app.jinja_env.auto_reload = True
    fragment = app.jinja_env.globals["fragment"]

    with app.test_request_context():
        fragment("parts/menu.html", entries=[])

    assert app.extensions["fragments"] == {}
