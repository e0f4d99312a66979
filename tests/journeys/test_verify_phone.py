"""A user adds a mobile number with a texted code, changes it, and removes it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import PHONE, Visit
from tests.support.screens import SCREENS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

OTHER_PHONE = "+4915123456789"


@pytest.mark.parametrize("screen", SCREENS)
def test_number_is_added_changed_and_removed(
    live_server: str, new_page: Callable[..., Page], move_time: Callable, screen: str
) -> None:
    page = new_page(**SCREENS[screen])
    visit = Visit(page, live_server, "new@example.org")
    visit.enter_verified()

    page.get_by_role("link", name="Add Phone number").click()
    expect(page.get_by_label("Country")).to_have_value("GB")
    visit.fill(phone="07400 123456")
    visit.press("Send code")
    expect(page.get_by_text("+44 7400 123456")).to_be_visible()
    code = visit.texted_code()
    visit.fill(code=f" {code[:3]} {code[3:]} ")
    visit.press("Confirm phone number")
    expect(page.get_by_text("Your phone number is confirmed.")).to_be_visible()
    expect(page.get_by_text("+44 7400 123456")).to_be_visible()

    with move_time(minutes=1):
        page.get_by_role("link", name="Change or remove").click()
        page.get_by_label("Country").select_option("DE")
        visit.fill(phone="01512 3456789")
        visit.press("Send code")
        visit.fill(code=visit.texted_code(OTHER_PHONE))
        visit.press("Confirm phone number")
        expect(page.get_by_text("+49 1512 3456789")).to_be_visible()

        page.get_by_role("link", name="Change or remove").click()
        visit.follow("Remove phone number")
        visit.press("Remove phone number")
        expect(page.get_by_text("Phone number removed.")).to_be_visible()
        expect(page.get_by_role("link", name="Add Phone number")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_rejected_input_is_kept_and_the_summary_links_to_the_field(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.enter_verified()
    visit.open("/verify/phone")

    page.get_by_label("Country").select_option("DE")
    visit.fill(phone="030 123456")
    visit.press("Send code")

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("Country")).to_have_value("DE")
    expect(page.get_by_label("Mobile number")).to_have_value("030 123456")
    page.get_by_role("alert").get_by_role("link").click()
    expect(page.get_by_label("Mobile number")).to_be_focused()


def test_keyboard_is_enough_and_the_phone_can_autofill_the_code(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.enter_verified()
    visit.open("/verify/phone")

    page.get_by_label("Country").focus()
    page.keyboard.press("Tab")
    page.keyboard.type(PHONE)
    page.keyboard.press("Enter")
    field = page.get_by_label("Code")
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    expect(field).to_have_attribute("inputmode", "numeric")
    field.focus()
    page.keyboard.type(visit.texted_code())
    page.keyboard.press("Enter")

    expect(page.get_by_text("Your phone number is confirmed.")).to_be_visible()


def test_going_back_after_confirming_leads_to_the_phone_page(
    live_server: str, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "new@example.org")
    visit.verify_phone()

    page.go_back()
    page.reload()

    expect(page).to_have_url(f"{live_server}/account/phone")
