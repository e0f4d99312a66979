"""Registering, and verifying the email address."""

from tests.journeys.states.visit import Visit, state


@state("register")
def open_registration(visit: Visit) -> None:
    visit.open("/register")


@state("register-strength")
def type_a_weak_password(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(password="passwordpassword")
    visit.page.get_by_role("meter").wait_for()


@state("register-refused")
def register_with_invalid_fields(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(email="nonsense", password="short")
    visit.press("Register")


@state("register-done")
def register_an_account(visit: Visit) -> None:
    visit.register()


@state("verify_email-link")
def follow_verification_link(visit: Visit) -> None:
    visit.has_registered()
    visit.follow_mail()


@state("verify_email-elsewhere")
def follow_verification_link_in_another_browser(visit: Visit) -> None:
    visit.has_registered()
    visit.page.context.clear_cookies()
    visit.follow_mail()


@state("verify_email-elsewhere-refused")
def enter_malformed_code_in_another_browser(visit: Visit) -> None:
    visit.has_registered()
    visit.page.context.clear_cookies()
    visit.follow_mail()
    visit.fill(code="nonsense")
    visit.press("Confirm email address")


@state("verify_email-code-refused")
def enter_wrong_verification_code(visit: Visit) -> None:
    visit.register()
    visit.fill(code="000000" if visit.newest_code() != "000 000" else "000001")
    visit.press("Confirm email address")


@state("verify_email-done")
def confirm_email_address(visit: Visit) -> None:
    visit.verify()


@state("verify_email-done-elsewhere")
def confirm_email_address_elsewhere(visit: Visit) -> None:
    visit.has_registered()
    visit.page.context.clear_cookies()
    visit.follow_mail()
    visit.fill(code=visit.newest_code())
    visit.press("Confirm email address")


@state("verify_email-continue")
def return_after_confirming_elsewhere(visit: Visit) -> None:
    visit.register()
    here = visit.page.context.cookies()
    visit.page.context.clear_cookies()
    visit.follow_mail()
    visit.fill(code=visit.newest_code())
    visit.press("Confirm email address")
    visit.page.context.clear_cookies()
    visit.page.context.add_cookies(here)
    visit.open("/verify/email")


@state("verify_email-used")
def follow_used_verification_link(visit: Visit) -> None:
    visit.has_verified()
    visit.follow_mail()


@state("verify_email-broken")
def open_invalid_verification_link(visit: Visit) -> None:
    visit.open("/verify/email/nonsense")


@state("verify_email-sent-again")
def request_second_verification_email(visit: Visit) -> None:
    visit.register()
    visit.press("Send a new email")


@state("verify_email-sent-too-soon")
def request_verification_emails_too_often(visit: Visit) -> None:
    visit.register()
    visit.press("Send a new email")
    visit.press("Send a new email")


@state("mail-verify_email")
def show_verification_email(visit: Visit) -> None:
    visit.has_registered()
    visit.show_mail()
