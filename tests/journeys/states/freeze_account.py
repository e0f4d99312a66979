"""Freezing the account from a mail."""

from tests.journeys.states.visit import NEW_PASSWORD, Visit, state


@state("freeze_account")
def _(visit: Visit) -> None:
    visit.open_not_me()


@state("freeze_account-refused")
def _(visit: Visit) -> None:
    visit.open_not_me()
    visit.fill(email="somebody.else@example.org")
    visit.press("Freeze account")


@state("freeze_account-done")
def _(visit: Visit) -> None:
    visit.freeze()


@state("freeze_account-used")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.page.goto(visit.page.url)


@state("freeze_account-broken")
def _(visit: Visit) -> None:
    visit.open("/not-me/nonsense")


@state("login-frozen")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.sign_in(NEW_PASSWORD)


@state("mail-account_frozen")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.show_mail()
