"""A user finds an unknown device in their list of sessions and signs it out."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)


@pytest.mark.parametrize("script", [True, False])
def test_signed_out_device_is_told_why(
    live_server: str, new_page: Callable[..., Page], script: bool
) -> None:
    laptop = Visit(new_page(java_script_enabled=script), live_server, "visitor@example.org")
    phone = Visit(new_page(user_agent=PHONE), live_server, "visitor@example.org")
    laptop.enter_verified()
    phone.sign_in()

    laptop.open_section("Signed-in devices")
    card = laptop.page.get_by_role("article", name="Mobile Safari on iOS")
    expect(card.get_by_text("in the last 10 minutes")).to_be_visible()
    card.get_by_role("button", name="Sign out").click()

    expect(laptop.page.get_by_text("The device has been signed out.")).to_be_visible()
    expect(card).to_have_count(0)
    phone.open("/account")
    expect(phone.page.get_by_text("from another device")).to_be_visible()
    phone.fill(email="visitor@example.org", password="four unrelated words together")
    phone.press("Sign in")
    expect(phone.page).to_have_url(f"{live_server}/account")


def test_two_tabs_that_refresh_at_once_both_stay_signed_in(
    live_server: str, new_page: Callable[..., Page], move_time: Callable[..., object]
) -> None:
    """Ten times, both tabs reload at the same time with an expired access token."""
    visit = Visit(new_page(), live_server, "visitor@example.org")
    visit.enter_verified()
    tabs = [visit.page, visit.page.context.new_page()]
    tabs[1].goto(f"{live_server}/account")
    tokens = {refresh_token(visit)}

    for number in range(1, 11):
        with move_time(minutes=11 * number):
            for tab in tabs:
                # Neither reload waits for the other's answer.
                tab.evaluate("document.title = 'before'; setTimeout(() => location.reload(), 50)")
            for tab in tabs:
                expect(tab).to_have_title("Your account · authapp")
                expect(tab.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
        tokens.add(refresh_token(visit))

    assert len(tokens) == 11


def refresh_token(visit: Visit) -> str:
    (found,) = (c["value"] for c in visit.page.context.cookies() if c["name"] == "refresh_token")
    return found
