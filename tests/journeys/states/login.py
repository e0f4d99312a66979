"""Signing in, and the list of sessions."""

from datetime import timedelta
from typing import Final

from time_machine import travel

from authapp import clock
from tests.journeys.states.visit import STALE, Visit, state

REFUSED: Final = 422


@state("login")
def open_sign_in(visit: Visit) -> None:
    visit.open("/login")


@state("login-refused")
def sign_in_with_wrong_password(visit: Visit) -> None:
    visit.sign_in("not the password of anybody")


@state("login-paused")
def sign_in_with_wrong_password_too_often(visit: Visit) -> None:
    for _ in range(10):
        visit.submit("/login", REFUSED, email=visit.email, password="not the password")
    visit.sign_in("not the password of anybody")


@state("login-after-signing-out")
def sign_out(visit: Visit) -> None:
    visit.enter_verified()
    visit.page.get_by_role("button", name="Sign out").click()


@state("sessions")
def list_two_sessions(visit: Visit) -> None:
    visit.has_verified()
    for _ in range(2):
        visit.page.context.clear_cookies()
        visit.sign_in()
    visit.open("/account/sessions")


@state("login-after-being-signed-out")
def return_after_remote_sign_out(visit: Visit) -> None:
    visit.has_entered()
    elsewhere = visit.page.context.cookies()
    visit.page.context.clear_cookies()
    visit.sign_in()
    visit.open("/account/sessions")
    visit.press("Sign out all other devices")
    visit.page.context.clear_cookies()
    visit.page.context.add_cookies(elsewhere)
    visit.open("/account")


@state("mail-new_device")
def show_new_device_email(visit: Visit) -> None:
    visit.has_entered()
    visit.page.context.clear_cookies()
    visit.sign_in()
    visit.show_mail()


def block_sign_in(visit: Visit) -> None:
    """Enter 100 wrong passwords in the API, over the hours that the limits require.

    The last ones are entered now: time that the limits saw and that then moved back would make
    them refuse every visitor.
    """
    guess = {"email": visit.email, "password": "not the password of anybody"}
    for hours_ago in range(9, -1, -1):
        with travel(clock.now() - timedelta(hours=hours_ago)):
            for _ in range(10):
                visit.page.request.post(f"{visit.server}/api/v1/login", data=guess)


@state("login-blocked")
def sign_in_while_blocked(visit: Visit) -> None:
    block_sign_in(visit)
    visit.sign_in()


@state("mail-sign_in_blocked")
def show_sign_in_blocked_email(visit: Visit) -> None:
    visit.has_verified()
    block_sign_in(visit)
    visit.open("/login")
    visit.show_mail()


def guess_in_session(visit: Visit) -> None:
    visit.has_entered()
    for _ in range(9):
        visit.submit("/account/delete", REFUSED, password="not the password")
    visit.open("/account/delete")
    visit.fill(password="not the password")
    visit.press("Delete account")


@state("login-after-guessing")
def return_after_guessing_in_session(visit: Visit) -> None:
    guess_in_session(visit)


@state("mail-password_guessed")
def show_password_guessed_email(visit: Visit) -> None:
    guess_in_session(visit)
    visit.show_mail()


def reuse_a_session(visit: Visit) -> None:
    """Return with a refresh token whose successor was already used."""
    visit.has_entered()
    cookies = visit.page.context
    copied = [each for each in cookies.cookies() if each["name"] == "refresh_token"]
    for _ in range(2):
        cookies.clear_cookies(name="access_token")
        visit.open("/account")
    cookies.clear_cookies()
    cookies.add_cookies(copied)
    visit.open("/account")


@state("login-after-reuse")
def return_with_reused_session(visit: Visit) -> None:
    reuse_a_session(visit)


@state("mail-session_reused")
def show_session_reused_email(visit: Visit) -> None:
    reuse_a_session(visit)
    visit.show_mail()


@state("step_up")
def open_page_that_asks_for_password(visit: Visit) -> None:
    visit.open_stale("/account/sessions")


@state("step_up-refused")
def confirm_wrong_password(visit: Visit) -> None:
    visit.open_stale("/account/sessions")
    with travel(clock.now() + STALE):
        visit.fill(password="not the password")
        visit.press("Continue")
