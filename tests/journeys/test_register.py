"""A user registers, follows the link in the email, signs in, sees the account and signs out."""

import json
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.support.accounts import PASSWORD
from tests.support.messages import link_in
from tests.support.screens import SCREENS

pytestmark = pytest.mark.browser


def newest_mail(server: str) -> dict[str, str]:
    with urlopen(f"{server}/dev/outbox.json") as answer:
        return json.load(answer)[0]


def register(page: Page, server: str, email: str) -> None:
    page.goto(server)
    page.get_by_role("main").get_by_role("link", name="Register").click()
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Register").click()


def sign_in(page: Page, server: str, email: str) -> None:
    page.goto(f"{server}/account")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("screen", SCREENS)
def test_registering_verifying_signing_in_and_signing_out(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])

    register(page, live_server, "new@example.org")
    expect(page.get_by_role("heading", name="Check your email")).to_be_visible()
    expect(page.get_by_text("new@example.org")).to_be_visible()

    page.goto(link_in(newest_mail(live_server)))
    page.get_by_role("button", name="Confirm email address").click()
    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()
    expect(page).to_have_url(f"{live_server}/account")
    expect(page.get_by_text("new@example.org")).to_be_visible()
    expect(page.get_by_text("confirmed", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You have signed out.")).to_be_visible()
    sign_in(page, live_server, "new@example.org")
    expect(page).to_have_url(f"{live_server}/account")


def test_registering_an_existing_address_looks_like_success(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    first, second = new_page(), new_page()
    register(first, live_server, "taken@example.org")
    first.goto(link_in(newest_mail(live_server)))
    first.get_by_role("button", name="Confirm email address").click()
    expect(first.get_by_text("Your email address is confirmed.")).to_be_visible()

    register(second, live_server, "Taken@Example.org")

    expect(second.get_by_role("heading", name="Check your email")).to_be_visible()
    assert "already" in newest_mail(live_server)["subject"]


def test_password_strength_is_announced_while_typing(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.goto(f"{live_server}/register")

    page.get_by_label("Password", exact=True).press_sequentially("password")
    expect(page.get_by_text("Use at least 15 characters.")).to_be_visible()

    page.get_by_label("Password", exact=True).fill(PASSWORD)
    expect(page.get_by_text("Strong password.")).to_be_visible()
