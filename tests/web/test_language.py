"""Which language a page is in, and how a reader changes it."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp import create_app
from authapp.errors import ConfigError
from authapp.models import User, db
from tests.support.accounts import PASSWORD
from tests.support.browsing import cookie, post, sign_in
from tests.support.on_sqlite import on_sqlite

BRITISH = {"Accept-Language": "en-GB,en;q=0.9"}

pytestmark = on_sqlite


def language_of(client: FlaskClient, path: str = "/login", **headers: str) -> str:
    page = client.get(path, headers=headers).get_data(as_text=True)
    return re.search(r'<html lang="([^"]+)"', page)[1]


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        ("en-GB,en;q=0.9", "en-GB"),
        ("en;q=0.5, en-AU", "en-AU"),
        ("en-XQ", "en"),
        ("de", "de"),
        ("de-AT, en;q=0.9", "de-AT"),
        ("ar-EG", "ar-EG"),
        ("pt-BR, es-MX;q=0.8, en;q=0.7", "es-MX"),
        ("tlh, en-GB;q=0.1", "en-GB"),
        ("tlh", "en"),
        ("*", "en"),
        ("../../etc/passwd", "en"),
        ("en_gb-x-" + "y" * 5000, "en"),
        ("", "en"),
    ],
)
def test_browser_says_the_language_and_the_country(
    client: FlaskClient, accepted: str, chosen: str
) -> None:
    assert language_of(client, **{"Accept-Language": accepted}) == chosen


def test_page_is_translated(client: FlaskClient) -> None:
    page = client.get("/login", headers={"Accept-Language": "ar"}).get_data(as_text=True)

    assert '<html lang="ar"' in page
    assert 'dir="rtl"' in page
    assert "تسجيل الدخول" in page
    assert "Sign in" not in page


def test_languages_that_are_not_offered_are_not_chosen(make_app: Callable[..., Flask]) -> None:
    client = make_app(LANGUAGES="de,fr", DEFAULT_LANGUAGE="fr").test_client()

    chosen = {
        accepted: language_of(client, **{"Accept-Language": accepted})
        for accepted in ("en", "ar", "de", "")
    }

    assert chosen == {"en": "fr", "ar": "fr", "de": "de", "": "fr"}


@pytest.mark.parametrize(
    ("offered", "default", "fault"),
    [
        ("en,tlh", "en", "not translated into"),
        ("de,fr", "en", "DEFAULT_LANGUAGE must be one of LANGUAGES"),
        ("English", "English", "must be language codes"),
    ],
)
def test_languages_without_a_translation_are_refused(
    environ: dict[str, str], offered: str, default: str, fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault):
        create_app({**environ, "LANGUAGES": offered, "DEFAULT_LANGUAGE": default})


def test_caches_are_told_what_the_language_depends_on(client: FlaskClient) -> None:
    page, check = client.get("/login"), client.get("/healthz")

    assert {"Accept-Language", "Cookie"} <= set(page.vary)
    assert "Accept-Language" not in check.vary


def test_choice_is_kept_in_the_browser_and_leads_back(client: FlaskClient) -> None:
    client.get("/language?next=/register")

    answer = post(client, "/language?next=/register", page="/language", language="en")

    assert answer.location == "/register"
    assert cookie(client, "language") == "en"


def test_choice_follows_the_country_of_the_browser(client: FlaskClient) -> None:
    form = client.get("/language").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]

    client.post("/language", data={"csrf_token": token, "language": "en"}, headers=BRITISH)

    assert cookie(client, "language") == "en-GB"
    assert language_of(client, **{"Accept-Language": "tlh"}) == "en-GB"


@pytest.mark.parametrize("language", ["", "tlh", "en-GB", "<script>", "x" * 1000])
def test_language_that_is_not_offered_is_not_kept(client: FlaskClient, language: str) -> None:
    answer = post(client, "/language", language=language)

    assert answer.location == "/language"
    assert client.get_cookie("language") is None


def test_choice_leads_to_no_other_site(client: FlaskClient) -> None:
    page = "/language?next=//evil.example"

    answer = post(client, page, page="/language", language="en")

    assert answer.location == "/"


def test_signed_in_users_choose_for_their_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    answer = post(client, "/language", language="en")

    assert answer.location == "/account"
    with app.app_context():
        assert db.session.get(User, user.id).language == "en"


def test_sign_in_and_the_account_page_continue_in_the_language_of_the_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    set_language(app, user, "en-GB")
    sign_in(client)
    at_sign_in = language_of(client, "/language")
    set_language(app, user, "en-AU")

    on_account = language_of(client, "/account")

    assert (at_sign_in, on_account, language_of(client, "/language")) == ("en-GB", "en-AU", "en-AU")


def test_registration_sets_the_language_of_the_account(app: Flask, client: FlaskClient) -> None:
    form = client.get("/register", headers=BRITISH).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)[1]
    fields = {"csrf_token": token, "email": "new@example.org", "password": PASSWORD}

    client.post("/register", data=fields, headers=BRITISH)

    with app.app_context():
        assert db.session.scalars(db.select(User.language)).all() == ["en-GB"]


def set_language(app: Flask, user: User, tag: str) -> None:
    with app.app_context():
        db.session.get(User, user.id).language = tag
        db.session.commit()
