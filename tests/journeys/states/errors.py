"""What went wrong, and what development alone shows."""

from tests.journeys.states.visit import Visit, state
from tests.support.accounts import PASSWORD


@state("error-404")
def _(visit: Visit) -> None:
    visit.open("/nowhere")


@state("error-400")
def _(visit: Visit) -> None:
    visit.open("/login")
    visit.page.context.clear_cookies()
    visit.fill(email=visit.email, password=PASSWORD)
    visit.press("Sign in")


@state("dev_outbox")
def _(visit: Visit) -> None:
    visit.register()
    visit.open("/dev/outbox")


@state("error-403")
def _(visit: Visit) -> None:
    visit.open("/fault/forbidden")


@state("error-429")
def _(visit: Visit) -> None:
    visit.open("/fault/too-many")


@state("error-500")
def _(visit: Visit) -> None:
    visit.open("/fault/unexpected")


@state("error-503")
def _(visit: Visit) -> None:
    visit.open("/fault/outage")
