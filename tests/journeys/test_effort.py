"""What each journey asks of a user: the forms to send, the fields to fill in, the pages to load."""

from collections.abc import Callable, Generator
from typing import Final, NamedTuple

import pytest
from playwright.sync_api import Page, Response, expect

from tests.journeys.states import NEW_PASSWORD, PHONE, Visit
from tests.support.accounts import PASSWORD
from tests.support.second_factors import code_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

REDIRECTS: Final = range(300, 400)


class Effort(NamedTuple):
    """How much a journey takes, from the page where it begins to the one where it ends."""

    forms: int
    fields: int
    pages: int


Journey = Generator[dict[str, str] | None, None, None]
"""Yields what the user fills in; before the first `yield`, what is not part of the journey."""


def register(visit: Visit) -> Journey:
    yield None
    visit.open("/")
    visit.leave_by(visit.page.get_by_role("main").get_by_role("link", name="Register"))
    yield {"email": visit.email, "password": PASSWORD}
    visit.press("Register")
    visit.follow_mail()
    visit.press("Confirm email address")


def sign_in(visit: Visit) -> Journey:
    visit.has_verified()
    yield None
    visit.open("/account/activity")
    yield {"email": visit.email, "password": PASSWORD}
    visit.press("Sign in")


def sign_in_with_second_factor(visit: Visit) -> Journey:
    secret, _ = visit.turn_on_second_factor()
    visit.page.context.clear_cookies()
    yield None
    visit.open("/account/activity")
    yield {"email": visit.email, "password": PASSWORD}
    visit.press("Sign in")
    yield {"code": code_of(secret)}
    visit.press("Sign in")


def reset_password(visit: Visit) -> Journey:
    visit.has_verified()
    yield None
    visit.open("/login")
    yield {"email": visit.email}
    visit.press("Forgot your password?")
    visit.press("Send reset link")
    visit.follow_mail()
    yield {"new_password": NEW_PASSWORD}
    visit.press("Change password")
    visit.follow("Sign in")
    yield {"email": visit.email, "password": NEW_PASSWORD}
    visit.press("Sign in")


def change_address(visit: Visit) -> Journey:
    visit.has_entered()
    yield None
    visit.open("/account")
    visit.open_section("Email address")
    yield {"email": f"moved.{visit.email}"}
    visit.press("Send confirmation email")
    Visit(visit.page, visit.server, f"moved.{visit.email}").follow_mail()
    visit.press("Confirm new email address")


def add_phone(visit: Visit) -> Journey:
    visit.has_entered()
    yield None
    visit.open("/account")
    visit.open_section("Phone number")
    yield {"phone": PHONE}
    visit.press("Send code")
    yield {"code": visit.texted_code()}
    visit.press("Confirm phone number")


def delete_account(visit: Visit) -> Journey:
    visit.has_entered()
    yield None
    visit.open("/account")
    visit.open_section("Delete your account")
    yield {"password": PASSWORD}
    visit.press("Delete account")


EFFORTS: Final = [
    # The mail's link is one page, and its button one form: a mail scanner may open the link.
    (register, "Your account", Effort(forms=2, fields=2, pages=5)),
    (sign_in, "Recent activity", Effort(forms=1, fields=2, pages=2)),
    (sign_in_with_second_factor, "Recent activity", Effort(forms=2, fields=3, pages=3)),
    (reset_password, "Your account", Effort(forms=4, fields=4, pages=7)),
    (change_address, "Your email address has been changed", Effort(forms=2, fields=1, pages=5)),
    (add_phone, "Your account", Effort(forms=2, fields=2, pages=4)),
    (delete_account, "Your account is closed", Effort(forms=1, fields=1, pages=3)),
]


@pytest.mark.parametrize(
    ("journey", "end", "effort"), EFFORTS, ids=[journey.__name__ for journey, _, _ in EFFORTS]
)
def test_a_journey_takes_no_more_than_it_needs(
    live_server: str,
    new_page: Callable[..., Page],
    journey: Callable[[Visit], Journey],
    end: str,
    effort: Effort,
) -> None:
    page = new_page()
    visit = Visit(page, live_server, "visitor@example.org")
    sent: list[str] = []
    loaded: list[str] = []
    fields = 0
    steps = journey(visit)
    next(steps)

    def note(answer: Response) -> None:
        request = answer.request
        if request.is_navigation_request():
            sent.extend([request.method] * (request.method == "POST"))
            loaded.extend([answer.url] * (answer.status not in REDIRECTS))

    page.on("response", note)
    for filled in steps:
        visit.fill(**(filled or {}))
        fields += len(filled or {})

    expect(page.get_by_role("heading", name=end, level=1, exact=True)).to_be_visible()
    assert Effort(len(sent), fields, len(loaded)) == effort
