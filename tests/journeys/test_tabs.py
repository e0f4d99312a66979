"""One user opens the emails of two accounts in two tabs of one browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import NEW_PASSWORD, Visit
from tests.support.accounts import PASSWORD
from tests.support.on_sqlite import on_sqlite

pytestmark = [pytest.mark.browser, on_sqlite]

OTHER_PASSWORD = "another five words in a row"


def two_tabs(server: str, new_page: Callable[..., Page]) -> tuple[Visit, Visit]:
    """Return two visits with accounts that share a browser, each in its own tab."""
    page = new_page()
    first = Visit(page, server, "first@example.org")
    second = Visit(page.context.new_page(), server, "second@example.org")
    for visit in (first, second):
        visit.has_verified()
        visit.ask_for_reset()
    return first, second


def set_password(visit: Visit, password: str) -> None:
    visit.fill(new_password=password)
    visit.press("Change password")
    expect(visit.page.get_by_role("heading", name="Your password has been changed")).to_be_visible()


def expect_sign_in(visit: Visit, password: str) -> None:
    visit.page.context.clear_cookies()
    visit.sign_in(password)
    expect(visit.page.get_by_role("heading", name="Your account", exact=True)).to_be_visible()


@pytest.mark.parametrize("is_first_first", [True, False])
def test_each_tab_sets_the_password_of_its_own_account(
    live_server: str, new_page: Callable[..., Page], is_first_first: bool
) -> None:
    visits = two_tabs(live_server, new_page)
    for visit in visits:
        visit.follow_mail()
    for visit in visits:
        expect(visit.page.get_by_text(f"password of your account {visit.email}")).to_be_visible()
    first, second = visits if is_first_first else visits[::-1]

    set_password(first, NEW_PASSWORD)
    set_password(second, OTHER_PASSWORD)

    expect_sign_in(first, NEW_PASSWORD)
    expect_sign_in(second, OTHER_PASSWORD)


def test_one_tab_does_not_affect_the_account_in_the_other(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    first, second = two_tabs(live_server, new_page)
    first.follow_mail()
    second.follow_mail()

    set_password(first, NEW_PASSWORD)

    expect_sign_in(first, NEW_PASSWORD)
    expect_sign_in(second, PASSWORD)


def test_reloaded_tab_and_corrected_form_keep_their_account(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    first, second = two_tabs(live_server, new_page)
    first.follow_mail()
    second.follow_mail()

    first.page.reload()
    expect(first.page.get_by_text(f"password of your account {first.email}")).to_be_visible()
    first.fill(new_password="short")
    first.press("Change password")
    set_password(first, NEW_PASSWORD)

    expect_sign_in(first, NEW_PASSWORD)
    expect_sign_in(second, PASSWORD)
