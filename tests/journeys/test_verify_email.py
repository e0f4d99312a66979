"""A user verifies their address in another browser, or with the code alone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]

EMAIL = "new@example.org"


@pytest.mark.parametrize("screen", SCREENS)
def test_link_is_opened_in_another_browser(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    Visit(new_page(), live_server, EMAIL).register()
    page = new_page(**SCREENS[screen])
    elsewhere = Visit(page, live_server, EMAIL)

    elsewhere.follow_mail()
    elsewhere.press("Confirm email address")
    expect(page.get_by_role("heading", name="There is a problem")).to_be_visible()
    elsewhere.fill(code=elsewhere.newest_code())
    elsewhere.press("Confirm email address")

    expect(page.get_by_role("heading", name="Your email address is confirmed")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_code_is_entered_in_the_registering_browser_by_keyboard_alone(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, EMAIL)
    visit.register()

    page.get_by_label("Code").focus()
    page.keyboard.type(visit.newest_code())
    page.keyboard.press("Enter")

    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
    page.goto(f"{live_server}/verify/email")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def test_page_says_when_another_message_can_be_requested(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, EMAIL)
    visit.register()

    visit.press("Send a new email")
    expect(page.get_by_text("Email sent.")).to_be_visible()
    visit.press("Send a new email")
    expect(page.get_by_text(re.compile("Try again in .* seconds"))).to_be_visible()

    visit.follow_mail()
    visit.press("Confirm email address")
    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()
