"""Error pages, and pages that exist only in development."""

from tests.journeys.states.visit import Visit, state
from tests.support.accounts import PASSWORD


@state("error-404")
def open_missing_page(visit: Visit) -> None:
    visit.open("/nowhere")


@state("error-400")
def send_form_without_cookies(visit: Visit) -> None:
    visit.open("/login")
    visit.page.context.clear_cookies()
    visit.fill(email=visit.email, password=PASSWORD)
    visit.press("Sign in")


@state("dev_outbox")
def open_development_outbox(visit: Visit) -> None:
    visit.has_registered()
    visit.open("/dev/outbox")


@state("error-403")
def open_forbidden_page(visit: Visit) -> None:
    visit.open("/fault/forbidden")


@state("error-429")
def open_rate_limited_page(visit: Visit) -> None:
    visit.open("/fault/too-many")


@state("error-500")
def open_failing_page(visit: Visit) -> None:
    visit.open("/fault/unexpected")


@state("error-503")
def open_page_during_outage(visit: Visit) -> None:
    visit.open("/fault/outage")
