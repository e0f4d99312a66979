"""Every email, as its reader gets it, in every language: what programs show, and that all works."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any, Final

import pytest
from flask import Flask
from jinja2 import StrictUndefined

from authapp import ROOT
from authapp.delivery import mail
from authapp.delivery.sealing import Content
from authapp.domain.devices import device
from authapp.models import User, db
from tests.support.accounts import HERE
from tests.support.on_sqlite import on_sqlite
from tests.translations import catalogs

FOLDER: Final = ROOT / "templates" / "email"
MESSAGES: Final = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
LANGUAGES: Final = ["en", *catalogs.languages()]
URL: Final = "http://127.0.0.1:5000"

LINK: Final = f"{URL}/verify/{'x' * 22}.{'y' * 43}"
VALUES: Final[dict[str, Any]] = {
    **dict.fromkeys(["email", "former"], "somebody@example.org"),
    "new_email": "moved@example.org",
    **dict.fromkeys(
        ["link", "not_me_link", "stop_link", "ask_link", "reset_link", "sign_in_link"], LINK
    ),
    "tokens_link": f"{URL}/account/tokens",
    **dict.fromkeys(
        ["happened_at", "asked_at", "expires_at", "delete_at", "until", "began_at"],
        datetime(2026, 12, 1, 15, 45, 59, tzinfo=UTC),
    ),
    **dict.fromkeys(["started_at", "ends_at"], datetime(2026, 12, 2, 7, 5, 9, tzinfo=UTC)),
    "device": device(HERE.user_agent),
    "began_on": device(HERE.user_agent),
    "address": HERE.address,
    "code": "123456",
    "expires_minutes": 1440,
    "failures": 100,
    "left": 3,
    "name": "Nightly <backup>",
    "shown_as": "aut_…wxyz",
    "phone": "+44 7400 123456",
    "passkeys_link": f"{URL}/account/passkeys",
    "still_on": True,
    "is_first": True,
    "had_tokens": True,
    "revoked_tokens": False,
}
"""A value for each name in the emails."""

VOID: Final = {"meta", "br", "img", "input", "link", "hr"}

pytestmark = on_sqlite


class Email(HTMLParser):
    """The visible text of an email, its preheader, and its elements with those around them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.preheader = "", ""
        self.elements: list[tuple[str, dict[str, str], list[tuple[str, dict[str, str]]]]] = []
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found, list(self._open)))
        if tag not in VOID:
            self._open.append((tag, found))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if any(tag in ("style", "title") for tag, _ in self._open):
            return
        if any("display: none" in each.get("style", "") for _, each in self._open):
            self.preheader += data
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes, _ in self.elements if name == tag]


Write = Callable[..., dict[str, Content]]


@pytest.fixture
def write(make_app: Callable[..., Flask]) -> Write:
    """Return a function that writes every email."""

    def write(app: Flask, **changes: Any) -> dict[str, Content]:
        app.jinja_env.undefined = StrictUndefined
        with app.app_context():
            return {
                message: mail.compose(message, user_id=None, **{**VALUES, **changes}).content
                for message in MESSAGES
            }

    return write


@pytest.fixture(params=LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def app(make_app: Callable[..., Flask], language: str) -> Flask:
    return make_app(LANGUAGES=",".join(LANGUAGES), DEFAULT_LANGUAGE=language)


def test_list_of_emails_shows_the_subject_and_the_first_sentence(app: Flask, write: Write) -> None:
    for message, email in write(app).items():
        first = words(email.body.strip().partition("\n\n")[0])

        assert 10 < len(email.subject) <= 78, message
        assert "\n" not in email.subject, message
        assert len(first) > 20, message
        assert words(Email(email.html or "").preheader).startswith(first), message


def test_no_line_is_too_long_for_a_mail_server(app: Flask, write: Write) -> None:
    """Source: RFC 5321 section 4.5.3.1.6."""
    for message, email in write(app).items():
        for line in (email.body + (email.html or "")).splitlines():
            assert len(line.encode()) <= 998, message


def test_text_and_html_say_the_same(app: Flask, write: Write) -> None:
    for message, email in write(app).items():
        shown = words(Email(email.html or "").text)

        for line in paragraphs(email.body):
            assert line in shown, message


def test_every_link_leads_to_this_site(app: Flask, write: Write) -> None:
    for message, email in write(app).items():
        linked = {each["href"] for each in Email(email.html or "").all("a")}

        assert linked == set(re.findall(r"https?://\S+", email.body)), message
        assert all(url.startswith(f"{URL}/") for url in linked), message
        assert not re.search(r"<img|<script|<link|url\(|src=", email.html or ""), message


def test_buttons_and_cards_hold_in_outlook(app: Flask, write: Write) -> None:
    for message, email in write(app).items():
        for tag, attributes, around in Email(email.html or "").elements:
            style = attributes.get("style", "")
            if tag == "a":
                assert "padding" not in style, message
            if tag == "a" and "accent" in attributes.get("class", ""):
                cell, cell_has = around[-1]
                assert cell == "td", message
                assert {"bgcolor", "width", "align"} <= cell_has.keys(), message
                assert "padding" in cell_has["style"], message
            if tag in ("table", "td", "body") and "background:" in style:
                assert attributes["bgcolor"] in style, message
            if tag == "table":
                assert attributes["role"] == "presentation", message


@pytest.mark.parametrize("minutes", [1, 90, 1440])
def test_times_and_durations_are_those_of_the_reader(
    app: Flask, write: Write, minutes: int
) -> None:
    for message, email in write(app, expires_minutes=minutes, left=1, failures=1).items():
        for text in (email.body, Email(email.html or "").text):
            assert not re.search(r"\d:\d\d:\d\d", text), f"{message}: a time with seconds"
            assert not re.search(r"\b1 (minutes|hours|days|codes|times)\b", text), message
            assert "1440" not in text, message
            assert ("UTC" in text) == bool(re.search(r"\d:\d\d\b", text)), message


def test_html_names_its_language(app: Flask, write: Write, language: str) -> None:
    for email in write(app).values():
        (html,) = Email(email.html or "").all("html")

        assert html["lang"] == language
        assert html["dir"] == ("rtl" if language == "ar" else "ltr")


@pytest.mark.parametrize("address", ["", "help@example.org", "https://help.example.org/"])
def test_support_is_named_only_if_it_has_an_address(
    make_app: Callable[..., Flask], address: str
) -> None:
    app = make_app(SUPPORT_ADDRESS=address)
    with app.app_context():
        email = mail.compose("email_restored", user_id=None).content

    for text in (email.body, email.html or ""):
        assert ("Contact us" in text) == bool(address)
        assert address in text


@pytest.mark.parametrize(
    ("country", "time"),
    [("en-US", "December 1, 2026, 3:45 PM UTC"), ("en-GB", "1 December 2026, 15:45 UTC")],
)
@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_clock_is_that_of_the_country(app: Flask, user: User, country: str, time: str) -> None:
    with app.app_context():
        db.session.get(User, user.id).language = country
        body = mail.compose("new_device", user_id=user.id, **VALUES).content.body

    assert time in body.replace("\u202f", " ")


def paragraphs(body: str) -> Iterator[str]:
    """Yield what each line of a text says, without its links, and how it points to them."""
    for line in body.splitlines():
        if line.strip() and "://" not in line:
            # A fact is "Device: Firefox" here, and two cells there.
            yield from (words(each).rstrip(" :.") for each in re.split(r": ", line))


def words(text: str) -> str:
    """Return a text with single spaces, and without what only fills space."""
    return " ".join(re.sub("[\u034f\u200c]", "", unescape(text)).split())
