"""A user protects their account with an authenticator app, loses it, and gets back in."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from time_machine import travel

from authapp import clock
from tests.journeys.states import Visit
from tests.journeys.states.visit import STALE
from tests.support.accounts import PASSWORD
from tests.support.screens import SCREENS
from tests.support.second_factors import code_of, wrong_code

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("screen", SCREENS)
def test_two_step_sign_in(live_server: str, new_page: Callable[..., Page], screen: str) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    secret, codes = visit.sign_in_up_to_the_code()

    visit.fill(code=code_of(secret))
    visit.press("Sign in")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()

    page.context.clear_cookies()
    visit.sign_in()
    visit.follow("Use a recovery code")
    visit.fill(recovery_code=codes[3])
    visit.press("Sign in")
    visit.open_section("Two-step sign-in")
    expect(page.get_by_text("9 left")).to_be_visible()
    visit.follow("Turn off")
    visit.press("Turn off two-step sign-in")
    expect(page.get_by_text("Two-step sign-in is off.")).to_be_visible()

    page.context.clear_cookies()
    visit.sign_in()
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_code_or_the_password_confirms_before_a_sensitive_page(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    secret, _ = visit.turn_on_second_factor()

    with travel(clock.now() + STALE):
        visit.open("/account/sessions")
        expect(page.get_by_role("heading", name="Confirm that it's you")).to_be_visible()
        visit.fill(code=wrong_code(secret))
        visit.press("Continue with a code")
        expect(page.get_by_role("alert")).to_contain_text("Incorrect code")
        visit.fill(code=code_of(secret))
        visit.press("Continue with a code")
        expect(page.get_by_role("heading", name="Signed-in devices")).to_be_visible()

    with travel(clock.now() + 2 * STALE):
        visit.open("/account/second-factors/remove")
        visit.fill(password=PASSWORD)
        visit.press("Continue")
        expect(page.get_by_role("heading", name="Turn off two-step sign-in")).to_be_visible()


@pytest.mark.parametrize("screen", SCREENS)
def test_a_remembered_device_needs_no_code_until_it_is_forgotten(
    live_server: str, new_page: Callable[..., Page], screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    secret, _ = visit.sign_in_up_to_the_code()
    visit.fill(code=code_of(secret))
    page.get_by_label("Don't ask for a code on this device for 30 days").check()
    visit.press("Sign in")
    visit.leave_by(page.get_by_role("button", name="Sign out", exact=True))

    visit.sign_in()
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
    visit.open("/account/second-factors")
    expect(page.get_by_role("heading", name="Remembered devices")).to_be_visible()
    visit.press("Forget")
    expect(page.get_by_text("We'll ask for the second step on that device again.")).to_be_visible()
    expect(page.get_by_role("heading", name="Remembered devices")).to_have_count(0)
    visit.leave_by(page.get_by_role("button", name="Sign out", exact=True))

    visit.sign_in()
    expect(page.get_by_role("heading", name="Enter your code")).to_be_visible()


def test_recovery_codes_can_be_downloaded(live_server: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    _, codes = visit.turn_on_second_factor()

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download codes").click()

    assert downloading.value.suggested_filename == "recovery-codes.txt"
    assert downloading.value.path().read_text().split() == codes


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_new_phone_replaces_the_old_one_without_javascript(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(java_script_enabled=False)
    visit = Visit(page, live_server, "new@example.org")
    old, _ = visit.turn_on_second_factor()
    visit.open("/account/second-factors")
    visit.press("Replace")
    new = visit.shown_secret()
    visit.fill(code=code_of(new, steps=0))
    visit.press("Replace app")
    expect(page.get_by_text("Authenticator app replaced.")).to_be_visible()

    page.context.clear_cookies()
    visit.sign_in()
    visit.fill(code=code_of(old))
    visit.press("Sign in")
    expect(page.get_by_role("alert")).to_contain_text("Incorrect code")
    visit.follow("Can't use any of these?")
    visit.follow("Use your authenticator app")
    visit.fill(code=code_of(new))
    visit.press("Sign in")
    expect(page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()
