"""Signing in with an emailed code."""

from tests.journeys.states.visit import Visit, state


def ask(visit: Visit) -> None:
    """Ask for a code on the sign-in page, which takes the address along."""
    visit.has_verified()
    visit.open("/login")
    visit.fill(email=visit.email)
    visit.press("Email me a sign-in code")


@state("email_sign_in")
def open_email_sign_in(visit: Visit) -> None:
    visit.open("/login/email")


@state("email_sign_in-refused")
def ask_without_an_address(visit: Visit) -> None:
    visit.open("/login")
    visit.press("Email me a sign-in code")


@state("email_sign_in-code")
def ask_for_code(visit: Visit) -> None:
    ask(visit)


@state("email_sign_in-code-refused")
def enter_wrong_code(visit: Visit) -> None:
    ask(visit)
    right = visit.newest_code()
    visit.fill(code="000 000" if right != "000 000" else "000 001")
    visit.press("Sign in")


@state("email_sign_in-confirm")
def open_link(visit: Visit) -> None:
    ask(visit)
    visit.follow_mail()


@state("email_sign_in-elsewhere")
def open_link_in_another_browser(visit: Visit) -> None:
    ask(visit)
    visit.page.context.clear_cookies()
    visit.follow_mail()


@state("email_sign_in-used")
def open_used_link(visit: Visit) -> None:
    open_link(visit)
    link = visit.page.url
    visit.press("Sign in")
    visit.page.goto(link)


@state("mail-email_sign_in")
def show_sign_in_email(visit: Visit) -> None:
    ask(visit)
    visit.show_mail()
