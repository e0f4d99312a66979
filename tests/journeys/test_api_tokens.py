"""A user creates, copies, rotates and revokes a token; its value is shown once."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

PATH = "/account/tokens"


@pytest.fixture
def visit(live_server: str, new_page: Callable[..., Page]) -> Visit:
    visit = Visit(new_page(), live_server, "visitor@example.org")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=live_server)
    sign_in(visit)
    return visit


def sign_in(visit: Visit) -> None:
    visit.verify()


def make(visit: Visit, name: str = "backup") -> str:
    """Create a token, starting at the account page, and return its value."""
    visit.open("/account")
    visit.open_section("API tokens")
    visit.page.get_by_role("link", name="Create a token").click()
    visit.fill(name=name)
    visit.page.get_by_label("View your account").check()
    visit.press("Create token")
    return shown(visit)


def shown(visit: Visit) -> str:
    expect(visit.page.get_by_role("heading", name="Your new token")).to_be_visible()
    return visit.page.locator("#value").inner_text()


def test_token_is_created_copied_rotated_and_revoked(visit: Visit) -> None:
    value = make(visit)

    visit.page.get_by_role("button", name="Copy").click()
    expect(visit.page.get_by_role("button", name="Copied")).to_be_visible()
    assert visit.page.evaluate("navigator.clipboard.readText()") == value

    visit.page.get_by_role("link", name="Done").click()
    expect(visit.page.get_by_role("heading", name="backup")).to_be_visible()
    visit.page.get_by_role("link", name="Rotate").click()
    visit.page.get_by_label("Immediately").check()
    visit.press("Rotate token")
    assert shown(visit) != value

    visit.page.get_by_role("link", name="Done").click()
    visit.page.get_by_role("link", name="Revoke").click()
    visit.press("Revoke token")
    expect(visit.page.get_by_text("Token revoked. It no longer works.")).to_be_visible()
    expect(visit.page.get_by_role("heading", name="backup")).to_have_count(0)


def test_reload_shows_the_list_and_creates_no_second_token(visit: Visit) -> None:
    value = make(visit)

    visit.page.reload()
    expect(visit.page).to_have_url(visit.server + PATH)
    expect(visit.page.get_by_text(value)).to_have_count(0)
    expect(visit.page.get_by_role("heading", name="backup")).to_have_count(1)


def test_going_back_does_not_show_the_value_again(visit: Visit) -> None:
    value = make(visit)
    # Because of the script, going back requests the list and does not resubmit the form.
    expect(visit.page).to_have_url(visit.server + PATH)

    visit.leave_by(visit.page.get_by_role("link", name="Done"))
    visit.page.go_back()

    expect(visit.page.get_by_text(value)).to_have_count(0)
    visit.open(PATH)
    expect(visit.page.get_by_role("heading", name="backup")).to_have_count(1)


def test_date_field_appears_when_a_custom_date_is_chosen(visit: Visit) -> None:
    visit.open(f"{PATH}/new")
    date = visit.page.get_by_label("Expiration date")
    expect(date).to_be_hidden()

    visit.page.get_by_label("On a date you choose").check()

    expect(date).to_be_visible()


def test_everything_works_without_javascript_and_one_click_selects_the_value(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    visit = Visit(new_page(java_script_enabled=False), live_server, "visitor@example.org")
    sign_in(visit)

    value = make(visit)

    expect(visit.page.get_by_role("button", name="Copy")).to_be_hidden()
    style = visit.page.locator("#value").evaluate("element => getComputedStyle(element).userSelect")
    assert style == "all"
    visit.page.reload()
    expect(visit.page.get_by_text(value)).to_have_count(0)
    expect(visit.page.get_by_text("already created")).to_be_visible()
    expect(visit.page.get_by_role("heading", name="backup")).to_have_count(1)
