"""Freezing the account from an email."""

from tests.journeys.states.visit import NEW_PASSWORD, Visit, state


@state("freeze_account")
def open_freeze_link(visit: Visit) -> None:
    visit.open_not_me()


@state("freeze_account-refused")
def freeze_with_wrong_address(visit: Visit) -> None:
    visit.open_not_me()
    visit.fill(email="somebody.else@example.org")
    visit.press("Freeze account")


@state("freeze_account-done")
def freeze_account(visit: Visit) -> None:
    visit.freeze()


@state("freeze_account-used")
def reopen_freeze_link_after_use(visit: Visit) -> None:
    visit.freeze()
    visit.page.goto(visit.page.url)


@state("freeze_account-broken")
def open_invalid_freeze_link(visit: Visit) -> None:
    visit.open("/not-me/nonsense")


@state("login-frozen")
def sign_in_to_frozen_account(visit: Visit) -> None:
    visit.freeze()
    visit.sign_in(NEW_PASSWORD)


@state("mail-account_frozen")
def show_account_frozen_email(visit: Visit) -> None:
    visit.freeze()
    visit.show_mail()
