"""Passkeys."""

from http import HTTPStatus

from time_machine import travel

from authapp import clock
from tests.journeys.states.visit import STALE, Visit, state
from tests.support.passkeys import Authenticator


def has_passkey(visit: Visit) -> None:
    visit.has_entered()
    visit.has_device()
    visit.create_passkey()


@state("passkeys")
def open_passkeys(visit: Visit) -> None:
    has_passkey(visit)
    visit.open("/account/passkeys")


@state("passkeys-none")
def open_passkeys_without_one(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/passkeys")


@state("passkeys-new")
def offer_to_create(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/passkeys/new")


@state("passkeys-codes")
def create_the_first(visit: Visit) -> None:
    has_passkey(visit)


@state("passkeys-rename")
def ask_for_a_name(visit: Visit) -> None:
    open_passkeys(visit)
    visit.follow("Rename")


@state("passkeys-remove")
def ask_to_remove(visit: Visit) -> None:
    open_passkeys(visit)
    visit.follow("Remove")


@state("second_factors-passkey")
def open_second_factors_with_a_passkey(visit: Visit) -> None:
    has_passkey(visit)
    visit.open("/account/second-factors")


@state("login-passkey")
def enter_password(visit: Visit) -> None:
    has_passkey(visit)
    visit.page.context.clear_cookies()
    visit.sign_in()


@state("login-passkey-refused")
def use_a_removed_passkey(visit: Visit) -> None:
    open_passkeys(visit)
    # The browser is not told, as if the passkey were on another device.
    address = visit.page.get_by_role("link", name="Remove", exact=True).get_attribute("href")
    visit.submit(address or "")
    visit.page.context.clear_cookies()
    visit.open("/login")
    visit.press("Sign in with a passkey")


@state("step_up-passkey")
def open_page_that_asks_for_a_passkey(visit: Visit) -> None:
    has_passkey(visit)
    with travel(clock.now() + STALE):
        visit.open("/account/sessions")


@state("mail-passkey_added")
def show_passkey_added_email(visit: Visit) -> None:
    has_passkey(visit)
    visit.show_mail()


@state("mail-passkey_removed")
def show_passkey_removed_email(visit: Visit) -> None:
    ask_to_remove(visit)
    visit.press("Remove passkey")
    visit.show_mail()


@state("mail-passkey_copied")
def show_passkey_copied_email(visit: Visit) -> None:
    visit.has_entered()
    device = Authenticator(origin=visit.server, count=9)
    options = visit.fetch("/account/passkeys/options", page="/account/passkeys/new")
    visit.submit("/account/passkeys/new", HTTPStatus.OK, passkey=device.create(options))
    visit.page.context.clear_cookies()
    answer = device.get(visit.fetch("/login/passkey/options"))
    visit.submit("/login", 422, to="/login/passkey", passkey=answer)
    visit.show_mail()
