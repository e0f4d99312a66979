"""A user loses phone and recovery codes, and waits; or finds out that a thief does."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import SCREENS

pytestmark = [pytest.mark.browser, on_sqlite]


@pytest.mark.parametrize("screen", SCREENS)
def test_an_owner_waits_and_gets_back_in(
    live_server: str,
    new_page: Callable[..., Page],
    move_time: Callable[..., object],
    screen: str,
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    visit.sign_in_up_to_the_code()
    visit.follow("Can't use any of these?")
    visit.press("Start the waiting time")
    expect(page.get_by_role("heading", name="Your waiting time has started")).to_be_visible()

    with move_time(hours=71):
        visit.sign_in()
        expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()
        visit.follow("Can't use any of these?")
        expect(page.get_by_text("Come back on")).to_be_visible()

    with move_time(hours=73):
        visit.sign_in()
        expect(page.get_by_role("heading", name="Sign in without a code")).to_be_visible()
        visit.press("Sign in without a code")
        expect(page.get_by_text("Two-step sign-in is off.")).to_be_visible()
        expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


def test_the_owner_stops_a_thief_from_a_signed_in_browser(
    live_server: str, new_page: Callable[..., Page], move_time: Callable[..., object]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.turn_on_second_factor()
    thief = Visit(new_page(), live_server, visit.email)
    thief.sign_in()
    thief.follow("Can't use any of these?")
    thief.press("Start the waiting time")

    visit.open("/account/activity")
    expect(page.get_by_role("heading", name="Someone wants to sign in")).to_be_visible()
    visit.press("Stop this")
    expect(page.get_by_text("someone knows your password: change it now")).to_be_visible()
    expect(page).to_have_url(re.compile("/password/change$"))

    with move_time(hours=73):
        thief.sign_in()
        expect(thief.page.get_by_role("heading", name="Enter your code")).to_be_visible()


def test_the_owner_stops_a_thief_with_the_link_in_the_email(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    thief = Visit(new_page(), live_server, "new@example.org")
    thief.sign_in_up_to_the_code()
    thief.follow("Can't use any of these?")
    thief.press("Start the waiting time")
    page = new_page()
    visit = Visit(page, live_server, thief.email)

    visit.follow_mail()
    visit.fill(email=visit.email)
    visit.press("Stop this")

    expect(page.get_by_role("heading", name="Two-step sign-in stays on")).to_be_visible()
    thief.page.reload()
    expect(thief.page.get_by_role("button", name="Start the waiting time")).to_be_visible()
