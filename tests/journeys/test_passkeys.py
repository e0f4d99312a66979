"""A user creates a passkey, signs in with it in every way, and removes it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from time_machine import travel

from authapp import clock
from tests.journeys.states import Visit
from tests.journeys.states.visit import STALE
from tests.support.screens import SCREENS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
ACCOUNT = "Your account"


def expect_account(page: Page) -> None:
    expect(page.get_by_role("heading", name=ACCOUNT, exact=True)).to_be_visible()


@pytest.mark.parametrize("screen", ["desktop", "phone"])
def test_passkeys(live_server: str, new_page: Callable[..., Page], screen: str) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device()
    codes = visit.create_passkey()
    assert len(codes) == 10
    visit.follow("I've saved them")

    page.context.clear_cookies()
    visit.open("/login")
    visit.press("Sign in with a passkey")
    expect_account(page)

    page.context.clear_cookies()
    visit.sign_in()
    expect(page.get_by_role("heading", name="Use your passkey")).to_be_visible()
    visit.press("Sign in with a passkey")
    expect_account(page)

    page.context.clear_cookies()
    visit.sign_in()
    visit.follow("Use a recovery code")
    visit.fill(recovery_code=codes[0])
    visit.press("Sign in")
    visit.open("/account/passkeys")
    visit.follow("Rename")
    visit.fill(name="My phone")
    visit.press("Rename passkey")
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    visit.follow("Remove")
    visit.press("Remove passkey")
    expect(page.get_by_text("Passkey removed.")).to_be_visible()

    page.context.clear_cookies()
    visit.sign_in()
    expect_account(page)


def test_a_device_does_not_create_a_second_passkey(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device()
    visit.create_passkey()

    visit.open("/account/passkeys/new")
    page.get_by_role("button", name="Create passkey").click()

    expect(page.get_by_text("This device already has a passkey")).to_be_visible()


def test_a_passkey_offered_in_the_email_field_signs_in(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device(is_offered=True)
    visit.create_passkey()
    page.context.clear_cookies()

    # The authenticator confirms as soon as the page asks.
    with page.expect_navigation(url="**/account"):
        visit.open("/login")

    expect_account(page)


def test_the_keyboard_alone_uses_a_passkey(live_server: str, new_page: Callable[..., Page]) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device()
    visit.create_passkey()
    page.context.clear_cookies()
    visit.sign_in()

    page.get_by_role("button", name="Sign in with a passkey").focus()
    with page.expect_navigation():
        page.keyboard.press("Enter")

    expect_account(page)


def test_a_canceled_passkey_is_explained_and_can_be_tried_again(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device(isUserVerified=False)
    visit.open("/account/passkeys/new")
    button = page.get_by_role("button", name="Create passkey")

    button.click()

    expect(page.get_by_role("status").get_by_text("No passkey was created.")).to_be_visible()
    expect(button).to_be_enabled()


def test_without_javascript_pages_say_what_is_missing(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(java_script_enabled=False)

    page.goto(f"{live_server}/login")

    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()


def test_a_browser_without_passkeys_is_told(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.add_init_script("delete window.PublicKeyCredential")

    page.goto(f"{live_server}/login")

    expect(page.get_by_text("doesn't support passkeys")).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()


def test_at_another_address_pages_name_the_one_where_passkeys_work(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()

    page.goto(live_server.replace("localhost", "127.0.0.1") + "/login")

    expect(page.get_by_role("link", name=live_server)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()


def test_a_passkey_confirms_who_the_user_is(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.has_entered()
    visit.has_device()
    visit.create_passkey()

    with travel(clock.now() + STALE, tick=True):
        visit.open("/account/passkeys")
        visit.press("Continue with a passkey")

        expect(page.get_by_role("heading", name="Passkeys", exact=True)).to_be_visible()
