"""Changing the e-mail address."""

from dataclasses import replace

from tests.journeys.states.visit import Visit, state


@state("change_email")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/account/email")


@state("change_email-refused")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/account/email")
    visit.fill(email=visit.email)
    visit.press("Send confirmation email")


@state("change_email-sent")
def _(visit: Visit) -> None:
    visit.ask_to_move()


@state("change_email-code-refused")
def _(visit: Visit) -> None:
    visit.ask_to_move()
    visit.fill(code="nonsense")
    visit.press("Confirm new email address")


@state("change_email-link")
def _(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()


@state("change_email-elsewhere")
def _(visit: Visit) -> None:
    moved = visit.ask_to_move()
    visit.page.context.clear_cookies()
    moved.follow_mail()


@state("change_email-done")
def _(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()
    visit.press("Confirm new email address")


@state("change_email-used")
def _(visit: Visit) -> None:
    moved = visit.ask_to_move()
    moved.follow_mail()
    moved.press("Confirm new email address")
    moved.follow_mail()


@state("change_email-broken")
def _(visit: Visit) -> None:
    visit.open("/account/email/nonsense")


@state("mail-change_email")
def _(visit: Visit) -> None:
    visit.ask_to_move().show_mail()


@state("mail-email_change_asked")
def _(visit: Visit) -> None:
    visit.ask_to_move()
    visit.show_mail()


@state("mail-email_changed")
def _(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()
    visit.press("Confirm new email address")
    visit.page.get_by_role("heading", name="Your email address has been changed").wait_for()
    visit.show_mail()


@state("mail-address_wanted")
def _(visit: Visit) -> None:
    replace(visit, email=f"moved.{visit.email}").register()
    visit.page.context.clear_cookies()
    visit.ask_to_move().show_mail()
