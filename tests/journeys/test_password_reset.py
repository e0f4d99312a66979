"""A user who forgot their password requests a link, chooses a new one and signs in with it."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import NEW_PASSWORD, Visit
from tests.support.messages import link_in
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]


def ask(visit: Visit) -> None:
    visit.open("/login")
    visit.fill(email=visit.email)
    visit.press("Forgot your password?")
    visit.press("Send reset link")


@pytest.mark.parametrize("screen", SCREENS)
def test_forgotten_password_is_replaced(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    visit.register()

    ask(visit)
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    visit.follow_mail()
    expect(page).to_have_url(re.compile(rf"^{live_server}/password/reset/new\?flow=\w+$"))
    visit.fill(new_password="short")
    visit.press("Change password")
    expect(page.get_by_text("Use at least 15 characters.").first).to_be_visible()
    visit.fill(new_password=NEW_PASSWORD)
    visit.press("Change password")
    expect(page.get_by_role("heading", name="Your password has been changed")).to_be_visible()

    visit.sign_in(NEW_PASSWORD)
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_going_back_to_a_used_link_offers_a_new_one(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.register()
    ask(visit)
    visit.follow_mail()
    visit.fill(new_password=NEW_PASSWORD)
    visit.press("Change password")
    expect(page.get_by_role("heading", name="Your password has been changed")).to_be_visible()

    page.go_back()
    expect(page.get_by_role("heading", name="This link was already used")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Request a new link").click()
    expect(page.get_by_role("heading", name="Forgot your password?")).to_be_visible()


def test_keyboard_is_enough(live_server: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.register()
    visit.open("/password/reset")

    page.get_by_label("Email address").focus()
    page.keyboard.type(visit.email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    visit.follow_mail()
    page.get_by_label("New password").focus()
    page.keyboard.type(NEW_PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Your password has been changed")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="Sign in").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_no_url_in_the_history_contains_the_secret(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.headers.get("referer", "")))
    visit = Visit(page, live_server, "new@example.org")
    visit.register()
    ask(visit)

    visit.follow_mail()

    secret = link_in(visit.newest_mail()).rpartition("/")[2]
    history = page.evaluate("navigation.entries().map(entry => entry.url)")
    assert urlsplit(history[-1]).path == "/password/reset/new"
    assert not any(secret in (address or "") for address in history)
    assert not any("/password/reset/" in referer for referer in asked)
