"""Changing the email address."""

from dataclasses import replace

from tests.journeys.states.visit import Visit, state


@state("change_email")
def open_email_change(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/email")


@state("change_email-refused")
def change_email_to_current_address(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/email")
    visit.fill(email=visit.email)
    visit.press("Send confirmation email")


@state("change_email-sent")
def request_email_change(visit: Visit) -> None:
    visit.ask_to_move()


@state("change_email-code-refused")
def enter_malformed_email_change_code(visit: Visit) -> None:
    visit.ask_to_move()
    visit.fill(code="nonsense")
    visit.press("Confirm new email address")


@state("change_email-link")
def follow_email_change_link(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()


@state("change_email-elsewhere")
def follow_email_change_link_in_another_browser(visit: Visit) -> None:
    moved = visit.ask_to_move()
    visit.page.context.clear_cookies()
    moved.follow_mail()


@state("change_email-done")
def confirm_new_email_address(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()
    visit.press("Confirm new email address")


@state("change_email-used")
def follow_used_email_change_link(visit: Visit) -> None:
    moved = visit.ask_to_move()
    moved.follow_mail()
    moved.press("Confirm new email address")
    moved.follow_mail()


@state("change_email-broken")
def open_invalid_email_change_link(visit: Visit) -> None:
    visit.open("/account/email/nonsense")


@state("mail-change_email")
def show_email_change_email(visit: Visit) -> None:
    visit.ask_to_move().show_mail()


@state("mail-email_change_asked")
def show_email_change_notice(visit: Visit) -> None:
    visit.ask_to_move()
    visit.show_mail()


@state("mail-email_changed")
def show_email_changed_notice(visit: Visit) -> None:
    visit.ask_to_move().follow_mail()
    visit.press("Confirm new email address")
    visit.page.get_by_role("heading", name="Your email address has been changed").wait_for()
    visit.show_mail()


@state("mail-address_wanted")
def request_email_change_to_taken_address(visit: Visit) -> None:
    replace(visit, email=f"moved.{visit.email}").verify()
    visit.page.context.clear_cookies()
    visit.ask_to_move().show_mail()
