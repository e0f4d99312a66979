"""Freezing the account from a mail."""

from tests.journeys.states.visit import NEW_PASSWORD, Visit, state


@state("not_me")
def _(visit: Visit) -> None:
    visit.open_not_me()


@state("not_me-refused")
def _(visit: Visit) -> None:
    visit.open_not_me()
    visit.fill(email="somebody.else@example.org")
    visit.press("Freeze my account")


@state("not_me-done")
def _(visit: Visit) -> None:
    visit.freeze()


@state("not_me-used")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.page.goto(visit.page.url)


@state("not_me-broken")
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
