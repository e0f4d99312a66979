"""A user changes their address; the old mailbox can undo it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]

OLD, NEW = "old@example.org", "new@example.org"


def ask(visit: Visit) -> None:
    visit.verify()
    visit.open_section("Email address")
    visit.fill(email=NEW)
    visit.press("Send confirmation email")
    expect(visit.page.get_by_role("heading", name="Check your email")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
def test_address_is_changed_by_link_and_undone(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    old, new = Visit(page, live_server, OLD), Visit(page, live_server, NEW)
    ask(old)

    new.follow_mail()
    new.press("Confirm new email address")
    expect(page.get_by_role("heading", name="Your email address has been changed")).to_be_visible()
    page.get_by_role("link", name="Go to your account").click()
    expect(page.get_by_text(NEW)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    undo = re.search(r"https?://\S+/not-me/\S+", old.newest_mail()["body"])
    assert undo
    page.goto(undo[0])
    old.fill(email=OLD)
    old.press("Freeze account")
    expect(page.get_by_role("heading", name="Your account is frozen")).to_be_visible()
    assert "/password/reset/" in old.newest_mail()["body"]


def test_code_is_entered_by_keyboard_alone(live_server: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    ask(Visit(page, live_server, OLD))

    page.get_by_label("Code").focus()
    page.keyboard.type(Visit(page, live_server, NEW).newest_code())
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Your email address has been changed")).to_be_visible()


def test_link_opened_in_another_browser_works_and_going_back_is_harmless(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    ask(Visit(new_page(), live_server, OLD))
    page = new_page()
    elsewhere = Visit(page, live_server, NEW)

    elsewhere.follow_mail()
    elsewhere.fill(code=elsewhere.newest_code())
    elsewhere.press("Confirm new email address")
    expect(page.get_by_role("heading", name="Your email address has been changed")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="This link was already used")).to_be_visible()
