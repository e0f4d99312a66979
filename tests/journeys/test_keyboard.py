"""Every flow can be completed by keyboard alone, with a visible focus at each step."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from time_machine import travel

from authapp import clock
from tests.journeys.keyboard import Keyboard
from tests.journeys.states import NEW_PASSWORD, Visit
from tests.journeys.states.visit import STALE
from tests.support.accounts import PASSWORD
from tests.support.second_factors import code_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def visit(live_server: str, new_page: Callable[..., Page]) -> Visit:
    return Visit(new_page(), live_server, "visitor@example.org")


@pytest.fixture
def keyboard(visit: Visit) -> Keyboard:
    return Keyboard(visit.page)


def heading(visit: Visit, text: str) -> None:
    expect(visit.page.get_by_role("heading", name=text, level=1)).to_be_visible()


def test_registering_verifying_signing_in_and_out(visit: Visit, keyboard: Keyboard) -> None:
    visit.open("/")
    keyboard.press("Register")
    keyboard.fill("Email address", visit.email)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Register")
    heading(visit, "Check your email")

    visit.follow_mail()
    keyboard.press("Confirm email address")
    expect(visit.page.get_by_text("Your email address is confirmed.")).to_be_focused()
    heading(visit, "Your account")

    keyboard.press("Sign out")
    expect(visit.page.get_by_text("You have signed out.")).to_be_focused()
    keyboard.fill("Email address", visit.email)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Sign in")
    heading(visit, "Your account")


def test_error_summary_takes_focus_and_links_to_the_field(visit: Visit, keyboard: Keyboard) -> None:
    visit.open("/register")
    keyboard.fill("Email address", "nonsense")
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Register")

    expect(visit.page.get_by_role("alert")).to_be_focused()
    keyboard.go_to("Enter an email address in the format name@example.org.")
    visit.page.keyboard.press("Enter")
    expect(visit.page.get_by_label("Email address")).to_be_focused()


def test_choosing_a_new_password(visit: Visit, keyboard: Keyboard) -> None:
    visit.has_verified()
    visit.open("/login")
    keyboard.press("Forgot your password?")
    keyboard.fill("Email address", visit.email)
    keyboard.press("Send reset link")
    visit.follow_mail()
    keyboard.fill("New password", NEW_PASSWORD)
    keyboard.press("Change password")
    heading(visit, "Your password has been changed")


def test_managing_the_account(visit: Visit, keyboard: Keyboard) -> None:
    visit.verify()
    keyboard.press("Password")
    keyboard.fill("Current password", PASSWORD)
    keyboard.fill("New password", NEW_PASSWORD)
    keyboard.press("Change password")
    keyboard.press("Signed-in devices")
    keyboard.press("Overview")
    keyboard.press("Recent activity")
    keyboard.press("Overview")
    keyboard.press("API tokens")
    keyboard.press("Create a token")
    keyboard.fill("Name", "backup")
    keyboard.page.keyboard.press("Tab")
    keyboard.page.keyboard.press("Space")
    keyboard.press("Create token")
    heading(visit, "Your new token")


def test_deleting_the_account_and_canceling_the_deletion(visit: Visit, keyboard: Keyboard) -> None:
    visit.verify()
    keyboard.press("Delete your account")
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Delete account")
    heading(visit, "Your account is closed")

    keyboard.press("Sign in")
    keyboard.fill("Email address", visit.email)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Sign in")
    keyboard.press("Keep account")
    expect(visit.page.get_by_text("Your account will not be deleted.")).to_be_focused()


def sign_in(visit: Visit, keyboard: Keyboard) -> None:
    visit.open("/login")
    keyboard.fill("Email address", visit.email)
    keyboard.fill("Password", PASSWORD)
    keyboard.press("Sign in")


def test_an_authenticator_app_from_enrollment_to_removal(visit: Visit, keyboard: Keyboard) -> None:
    visit.has_entered()
    visit.open("/account/second-factors")
    keyboard.press("Set up an authenticator app")
    secret = visit.shown_secret()
    keyboard.fill("Code", code_of(secret, steps=0))
    keyboard.press("Turn on two-step sign-in")
    codes = visit.page.locator("#codes code").all_inner_texts()
    keyboard.press("I've saved them")

    visit.page.context.clear_cookies()
    sign_in(visit, keyboard)
    keyboard.fill("Code", code_of(secret))
    keyboard.press("Sign in")
    visit.page.context.clear_cookies()
    sign_in(visit, keyboard)
    keyboard.press("Use a recovery code")
    keyboard.fill("Recovery code", codes[0])
    keyboard.press("Sign in")
    heading(visit, "Your account")

    with travel(clock.now() + STALE):
        keyboard.press("Two-step sign-in")
        keyboard.fill("Code", code_of(secret))
        keyboard.press("Continue with a code")
        keyboard.press("Replace")
        keyboard.fill("Code", code_of(visit.shown_secret(), steps=0))
        keyboard.press("Replace app")
        keyboard.press("Turn off")
        keyboard.press("Turn off two-step sign-in")
        expect(visit.page.get_by_text("Two-step sign-in is off.")).to_be_focused()


def test_a_passkey_from_creation_to_removal(visit: Visit, keyboard: Keyboard) -> None:
    visit.has_entered()
    visit.has_device()
    visit.open("/account/passkeys")
    keyboard.press("Create a passkey")
    keyboard.press("Create passkey")
    keyboard.press("I've saved them")

    visit.page.context.clear_cookies()
    visit.open("/login")
    keyboard.press("Sign in with a passkey")
    heading(visit, "Your account")
    visit.page.context.clear_cookies()
    sign_in(visit, keyboard)
    keyboard.go_to("Don't ask for a second step on this device for 30 days")
    visit.page.keyboard.press("Space")
    keyboard.press("Sign in with a passkey")
    heading(visit, "Your account")

    with travel(clock.now() + STALE):
        keyboard.press("Passkeys")
        keyboard.press("Continue with a passkey")
        keyboard.press("Remove")
        keyboard.press("Remove passkey")
        expect(visit.page.get_by_text("Passkey removed.")).to_be_focused()
