"""A user signs in with an emailed code, in the browser that asked or on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_code_signs_in_and_leads_to_the_requested_page(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    visit.has_verified()
    visit.open("/account/activity")

    visit.fill(email=visit.email)
    visit.press("Email me a sign-in code")
    expect(page.get_by_text(f"If you can sign in with {visit.email}")).to_be_visible()
    visit.fill(code=visit.newest_code())
    visit.press("Sign in")

    expect(page.get_by_role("heading", name="Recent activity")).to_be_visible()
    visit.open("/account/second-factors")
    expect(page.get_by_label("Password", exact=True)).to_be_visible()


def test_enter_still_signs_in_with_the_password(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_verified()
    visit.open("/login")

    visit.fill(email=visit.email, password="not the password")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Incorrect email address or password.").first).to_be_visible()


def test_the_link_signs_in_here_with_a_button_and_elsewhere_with_the_code(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page, phone = new_page(), new_page(**SCREENS["phone"])
    visit = Visit(page, live_server, "new@example.org")
    visit.has_verified()
    for _ in range(2):
        visit.page.context.clear_cookies()
        visit.open("/login/email")
        visit.fill(email=visit.email)
        visit.press("Email me a code")

    visit.follow_mail()
    visit.press("Sign in")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()

    visit.page.context.clear_cookies()
    visit.open("/login/email")
    visit.fill(email=visit.email)
    visit.press("Email me a code")
    elsewhere = Visit(phone, live_server, visit.email)
    elsewhere.follow_mail()
    elsewhere.fill(code=elsewhere.newest_code())
    elsewhere.press("Sign in")
    expect(phone.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
