"""The waiting time after every second factor was lost."""

import re
from datetime import timedelta
from typing import Final

from time_machine import travel

from authapp import clock
from tests.journeys.states.visit import NEW_PASSWORD, Visit, state

WAITED: Final = timedelta(hours=73)


def ask(visit: Visit) -> None:
    """Enter the password of an account with a second factor, and say that it is lost.

    The browser is a known device: it has its own limits, and so may enter the password days later
    without time moving back for the limits of all visitors.
    """
    visit.turn_on_second_factor()
    for name in ("access_token", "refresh_token"):
        visit.page.context.clear_cookies(name=name)
    visit.sign_in()
    visit.follow("Can't use any of these?")


def start(visit: Visit) -> None:
    ask(visit)
    visit.press("Start the waiting time")


def open_stop_link(visit: Visit) -> None:
    found = re.search(r"https?://\S+/lost-factor/stop/\S+", visit.newest_mail()["body"])
    assert found
    visit.page.goto(found[0])


@state("lost_factor")
def open_lost_factor(visit: Visit) -> None:
    ask(visit)


@state("lost_factor-passkey")
def open_lost_factor_with_a_passkey(visit: Visit) -> None:
    visit.has_entered()
    visit.has_device()
    visit.create_passkey()
    visit.page.context.clear_cookies()
    visit.sign_in()
    visit.follow("Can't use any of these?")


@state("lost_factor-waiting")
def start_waiting(visit: Visit) -> None:
    start(visit)


@state("lost_factor-over")
def return_after_waiting(visit: Visit) -> None:
    start(visit)
    with travel(clock.now() + WAITED):
        visit.sign_in()


@state("lost_factor-used")
def sign_in_after_waiting(visit: Visit) -> None:
    start(visit)
    with travel(clock.now() + WAITED):
        visit.sign_in()
        visit.press("Sign in without a code")


@state("lost_factor-emailed-password")
def open_with_a_password_from_an_email(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.page.context.clear_cookies()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)
    visit.sign_in(NEW_PASSWORD)
    visit.follow("Can't use any of these?")


@state("lost_factor-notice")
def open_account_while_someone_waits(visit: Visit) -> None:
    visit.turn_on_second_factor()
    elsewhere = visit.elsewhere()
    elsewhere.sign_in()
    elsewhere.follow("Can't use any of these?")
    elsewhere.press("Start the waiting time")
    elsewhere.page.context.close()
    visit.open("/account")


@state("lost_factor-stopped-here")
def stop_on_a_signed_in_device(visit: Visit) -> None:
    open_account_while_someone_waits(visit)
    visit.press("Stop this")


@state("lost_factor-stop")
def open_link_that_stops(visit: Visit) -> None:
    start(visit)
    open_stop_link(visit)


@state("lost_factor-stop-refused")
def stop_without_the_address(visit: Visit) -> None:
    open_link_that_stops(visit)
    visit.press("Stop this")


@state("lost_factor-stopped")
def stop_by_link(visit: Visit) -> None:
    open_link_that_stops(visit)
    visit.fill(email=visit.email)
    visit.press("Stop this")


@state("lost_factor-refused")
def open_link_again(visit: Visit) -> None:
    start(visit)
    open_stop_link(visit)
    link = visit.page.url
    visit.fill(email=visit.email)
    visit.press("Stop this")
    visit.page.goto(link)


@state("lost_factor-too-often")
def start_too_often(visit: Visit) -> None:
    ask(visit)
    for _ in range(2):
        visit.press("Start the waiting time")
        open_stop_link(visit)
        visit.fill(email=visit.email)
        visit.press("Stop this")
        visit.sign_in()
        visit.follow("Can't use any of these?")
    visit.press("Start the waiting time")


@state("mail-lost_factor_started")
def show_started_email(visit: Visit) -> None:
    start(visit)
    visit.show_mail()


@state("mail-lost_factor_reminder")
def show_reminder_email(visit: Visit) -> None:
    start(visit)
    with travel(clock.now() + WAITED / 2):
        visit.open("/login")
    visit.show_mail()


@state("mail-lost_factor_over")
def show_over_email(visit: Visit) -> None:
    show_reminder_email(visit)
    with travel(clock.now() + WAITED):
        visit.open("/login")
    visit.show_mail()


@state("mail-lost_factor_stopped")
def show_stopped_email(visit: Visit) -> None:
    stop_by_link(visit)
    visit.show_mail()


@state("mail-lost_factor_used")
def show_used_email(visit: Visit) -> None:
    sign_in_after_waiting(visit)
    visit.show_mail()
