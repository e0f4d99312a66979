"""Phone numbers."""

from dataclasses import replace

from tests.journeys.states.visit import Visit, state


@state("verify_phone")
def open_phone_verification(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/verify/phone")


@state("verify_phone-refused")
def enter_unsupported_phone_number(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text("0900 123")


@state("verify_phone-code")
def request_phone_code(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text()


@state("verify_phone-code-refused")
def enter_malformed_phone_code(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text()
    visit.fill(code="12 34")
    visit.press("Confirm phone number")


@state("verify_phone-code-too-often")
def enter_wrong_phone_code_too_often(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text()
    wrong = f"{(int(visit.texted_code()) + 1) % 1_000_000:06}"
    for _time in range(6):
        visit.fill(code=wrong)
        visit.press("Confirm phone number")


@state("verify_phone-again")
def request_phone_code_again(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text()
    visit.press("Send code again")


@state("verify_phone-too-many")
def request_codes_for_two_numbers(visit: Visit) -> None:
    visit.has_entered()
    visit.ask_for_text()
    visit.ask_for_text("+447400123457")


@state("verify_phone-taken")
def verify_phone_of_another_account(visit: Visit) -> None:
    visit.verify_phone()
    visit.page.get_by_role("button", name="Sign out").click()
    other = replace(visit, email=f"other-{visit.email}")
    other.verify_phone()


@state("account-phone")
def verify_phone(visit: Visit) -> None:
    visit.verify_phone()


@state("phone")
def open_verified_phone(visit: Visit) -> None:
    visit.verify_phone()
    visit.open("/account/phone")


@state("mail-phone_added")
def show_phone_added_email(visit: Visit) -> None:
    visit.verify_phone()
    visit.show_mail()


@state("phone-remove")
def ask_to_remove_phone(visit: Visit) -> None:
    visit.verify_phone()
    visit.open("/account/phone/remove")
