"""A user freezes their account from a security email about something they did not do."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from authapp.domain import security_notices
from authapp.models import User, db
from tests.journeys.scanner import Scanner
from tests.journeys.states import Visit
from tests.support.accounts import HERE

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

Warn = Callable[[Page], tuple[Visit, str]]
OWNER = "owner@example.org"


@pytest.fixture
def warn(make_app: Callable[..., Flask], live_server: str) -> Warn:
    """Create an account, send its owner a security email, and return their visit and its link."""
    app = make_app(PUBLIC_URL=live_server)

    def send(page: Page) -> tuple[Visit, str]:
        owner = Visit(page, live_server, OWNER)
        owner.has_verified()
        with app.test_request_context():
            user = db.session.scalars(db.select(User)).one()
            security_notices.send(user, "new_device", client=HERE)
            db.session.commit()
        found = re.search(r"http\S+/not-me/\S+", owner.newest_mail()["body"])
        assert found
        return owner, found[0]

    return send


def test_scanner_that_clicks_every_button_does_not_freeze_the_account(
    live_server: str, new_page: Callable[..., Page], warn: Warn, browser: Browser
) -> None:
    owner, link = warn(new_page())

    Scanner(browser).scan(link)

    owner.sign_in()
    expect(owner.page).to_have_url(f"{live_server}/account")
    owner.page.goto(link)
    expect(owner.page.get_by_role("button", name="Freeze account")).to_be_visible()


@pytest.mark.parametrize("script", [True, False])
def test_owner_freezes_the_account_and_no_one_can_sign_in(
    live_server: str, new_page: Callable[..., Page], warn: Warn, script: bool
) -> None:
    thief = Visit(new_page(), live_server, OWNER)
    owner, link = warn(new_page(java_script_enabled=script))
    thief.sign_in()

    owner.page.goto(link)
    owner.fill(email=OWNER)
    owner.press("Freeze account")

    expect(owner.page.get_by_role("heading", name="Your account is frozen")).to_be_visible()
    assert "/password/reset/" in owner.newest_mail()["body"]
    thief.open("/account")
    expect(thief.page).to_have_url(re.compile("/login"))
    thief.sign_in()
    expect(thief.page.get_by_role("heading", name="Your account is frozen")).to_be_visible()


def test_keyboard_is_enough_to_freeze_the_account(
    new_page: Callable[..., Page], warn: Warn
) -> None:
    owner, link = warn(new_page())
    page = owner.page
    page.goto(link)

    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.name") == "email":
            break
    page.keyboard.type(OWNER)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Your account is frozen")).to_be_visible()
