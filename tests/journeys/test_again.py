"""Going back, clicking twice, and acting in another tab do not break a flow."""

import json
import re
from collections.abc import Callable
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.states import Visit
from tests.support.accounts import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def visit(live_server: str, new_page: Callable[..., Page]) -> Visit:
    return Visit(new_page(), live_server, "visitor@example.org")


def test_double_click_sends_nothing_twice(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(email=visit.email, password=PASSWORD)

    visit.page.get_by_role("main").get_by_role("button", name="Register").dblclick()

    expect(visit.page.get_by_role("heading", name="Check your email")).to_be_visible()
    with urlopen(f"{visit.server}/dev/outbox.json") as answer:
        assert len(json.load(answer)) == 1


def test_going_back_after_signing_in_redirects(visit: Visit) -> None:
    visit.enter_verified()

    visit.page.go_back()

    expect(visit.page).to_have_url(f"{visit.server}/account")


def test_going_back_after_signing_out_shows_nothing_of_the_account(visit: Visit) -> None:
    visit.enter_verified()
    visit.leave_by(visit.page.get_by_role("button", name="Sign out"))

    visit.page.go_back()

    expect(visit.page).to_have_url(re.compile("/login"))
    expect(visit.page.get_by_text(visit.email)).to_have_count(0)


def test_rejected_form_keeps_the_email_but_not_the_password(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(email="nonsense", password=PASSWORD)
    visit.press("Register")

    expect(visit.page.get_by_label("Email address")).to_have_value("nonsense")
    expect(visit.page.get_by_label("Password", exact=True)).to_have_value("")


def test_session_ended_in_another_tab_leads_to_sign_in(visit: Visit) -> None:
    visit.enter_verified()
    other = visit.page.context.new_page()
    other.goto(f"{visit.server}/account")
    visit.page.get_by_role("button", name="Sign out").click()

    other.get_by_role("link", name="Review Signed-in devices").click()

    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()


def test_form_of_an_ended_session_leads_to_sign_in(visit: Visit) -> None:
    visit.enter_verified()
    visit.open("/account/delete")
    visit.fill(password=PASSWORD)
    other = visit.page.context.new_page()
    other.goto(f"{visit.server}/account")
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_text("You have signed out.")).to_be_visible()

    visit.press("Delete account")

    expect(visit.page.get_by_role("heading", name="This form has expired")).to_be_visible()
    visit.page.get_by_role("link", name="Open the page again").click()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
