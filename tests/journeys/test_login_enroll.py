"""A user registers where a second factor is required, and sets one up before they get in."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.screens import SCREENS
from tests.support.second_factors import code_of

pytestmark = pytest.mark.browser


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "SECOND_FACTOR": "required"}


@pytest.mark.parametrize("screen", SCREENS)
def test_a_new_user_sets_up_an_app_and_saves_the_codes(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")

    visit.verify()
    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()
    visit.press("Set up an authenticator app")
    secret = page.locator("#secret").inner_text().replace(" ", "")
    visit.open("/account")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    visit.fill(code=code_of(secret, steps=0))
    visit.press("Turn on two-step sign-in")
    expect(page.get_by_role("heading", name="Save your recovery codes")).to_be_visible()
    visit.follow("I've saved them")
    expect(page.get_by_role("link", name="Sign out").or_(
        page.get_by_role("button", name="Sign out"))).to_be_visible()  # fmt: skip

    page.context.clear_cookies()
    visit.sign_in()
    visit.fill(code=code_of(secret))
    visit.press("Sign in")
    visit.open("/account/second-factors")
    expect(page.get_by_text("you can't turn it off")).to_be_visible()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_new_user_creates_a_passkey_instead(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_device()
    visit.sign_in_up_to_enrollment()

    visit.press("Create passkey")
    expect(page.get_by_role("heading", name="Save your recovery codes")).to_be_visible()
    visit.follow("I've saved them")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()

    page.context.clear_cookies()
    visit.sign_in()
    visit.press("Sign in with a passkey")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
