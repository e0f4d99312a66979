"""A user changes their password, and other devices are signed out."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import NEW_PASSWORD, Visit
from tests.support.accounts import PASSWORD
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]


@pytest.mark.parametrize("screen", SCREENS)
def test_changed_password(live_server: str, new_page: Callable[..., Page], screen: str) -> None:
    page, other = new_page(**SCREENS[screen]), new_page()
    here = Visit(page, live_server, "new@example.org")
    there = Visit(other, live_server, "new@example.org")
    here.verify()
    there.sign_in()

    here.open_section("Password")
    here.fill(current_password="not my password", new_password=NEW_PASSWORD)
    here.press("Change password")
    expect(page.get_by_text("Current password is incorrect.").first).to_be_visible()
    here.fill(current_password=PASSWORD, new_password=NEW_PASSWORD)
    here.press("Change password")

    expect(page.get_by_text("Your password has been changed.")).to_be_visible()
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
    assert "password" in here.newest_mail()["subject"]
    there.open("/account")
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    there.sign_in(NEW_PASSWORD)
    expect(other.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def test_keyboard_is_enough_and_going_back_is_harmless(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.verify()
    visit.open("/password/change")

    page.get_by_label("Current password").focus()
    page.keyboard.type(PASSWORD)
    page.get_by_label("New password").focus()
    page.keyboard.type(NEW_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Your password has been changed.")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="Change your password")).to_be_visible()
    visit.fill(current_password=PASSWORD, new_password=NEW_PASSWORD)
    visit.press("Change password")
    expect(page.get_by_text("Current password is incorrect.").first).to_be_visible()
