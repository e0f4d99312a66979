"""Two-step sign-in."""

from time_machine import travel

from authapp import clock
from tests.journeys.states.visit import STALE, Visit, state
from tests.support.second_factors import code_of


@state("second_factors")
def open_second_factors(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/second-factors")


@state("second_factors-enroll")
def begin_enrollment(visit: Visit) -> None:
    visit.begin_enrollment()


@state("second_factors-enroll-refused")
def enroll_with_malformed_code(visit: Visit) -> None:
    visit.begin_enrollment()
    visit.fill(code="12 34")
    visit.press("Turn on two-step sign-in")


@state("second_factors-codes")
def turn_on(visit: Visit) -> None:
    visit.turn_on_second_factor()


@state("second_factors-on")
def open_second_factors_that_are_on(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors")


@state("second_factors-devices")
def open_second_factors_with_a_remembered_device(visit: Visit) -> None:
    secret, _ = visit.sign_in_up_to_the_code()
    visit.fill(code=code_of(secret))
    visit.page.get_by_label("Don't ask for a code on this device").check()
    visit.press("Sign in")
    visit.open("/account/second-factors")


@state("second_factors-renew")
def ask_to_renew_codes(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors/recovery-codes")


@state("second_factors-remove")
def ask_to_remove(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors/remove")


@state("second_factors-replace")
def begin_to_replace(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors")
    visit.press("Replace")


@state("mail-second_factor_replaced")
def show_second_factor_replaced_email(visit: Visit) -> None:
    begin_to_replace(visit)
    visit.fill(code=code_of(visit.shown_secret(), steps=0))
    visit.press("Replace app")
    visit.show_mail()


@state("login-code")
def enter_password(visit: Visit) -> None:
    visit.sign_in_up_to_the_code()


@state("login-code-refused")
def enter_malformed_code(visit: Visit) -> None:
    visit.sign_in_up_to_the_code()
    visit.fill(code="12 34")
    visit.press("Sign in")


@state("login-recovery-code")
def open_recovery_code(visit: Visit) -> None:
    visit.sign_in_up_to_the_code()
    visit.follow("Use a recovery code")


@state("mail-second_factor_added")
def show_second_factor_added_email(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.show_mail()


@state("mail-second_factor_removed")
def show_second_factor_removed_email(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors/remove")
    visit.press("Turn off two-step sign-in")
    visit.show_mail()


@state("mail-recovery_codes_renewed")
def show_recovery_codes_renewed_email(visit: Visit) -> None:
    visit.turn_on_second_factor()
    visit.open("/account/second-factors/recovery-codes")
    visit.press("Get new codes")
    visit.show_mail()


@state("mail-recovery_code_used")
def show_recovery_code_used_email(visit: Visit) -> None:
    _, codes = visit.sign_in_up_to_the_code()
    visit.follow("Use a recovery code")
    visit.fill(recovery_code=codes[0])
    visit.press("Sign in")
    # The browser is new to the account, which is another email.
    visit.show_mail(about="recovery code")


@state("mail-second_factor_refused")
def show_second_factor_refused_email(visit: Visit) -> None:
    visit.sign_in_up_to_the_code()
    for _time in range(6):
        visit.fill(code="000 000")
        visit.press("Sign in")
    visit.show_mail()


@state("step_up-code")
def open_page_that_asks_for_password_or_code(visit: Visit) -> None:
    visit.turn_on_second_factor()
    with travel(clock.now() + STALE):
        visit.open("/account/sessions")


@state("step_up-code-refused")
def confirm_with_malformed_code(visit: Visit) -> None:
    visit.turn_on_second_factor()
    with travel(clock.now() + STALE):
        visit.open("/account/sessions")
        visit.fill(code="12 34")
        visit.press("Continue with a code")


@state("login-enroll", SECOND_FACTOR="required")
def enter_password_where_a_factor_is_required(visit: Visit) -> None:
    visit.sign_in_up_to_enrollment()


@state("login-enroll-app-refused", SECOND_FACTOR="required")
def enroll_at_sign_in_with_malformed_code(visit: Visit) -> None:
    visit.sign_in_up_to_enrollment()
    visit.press("Set up an authenticator app")
    visit.fill(code="12 34")
    visit.press("Turn on two-step sign-in")


@state("second_factors-required", SECOND_FACTOR="required")
def open_second_factors_that_are_required(visit: Visit) -> None:
    visit.sign_in_up_to_enrollment()
    visit.press("Set up an authenticator app")
    secret = visit.page.locator("#secret").inner_text().replace(" ", "")
    visit.fill(code=code_of(secret, steps=0))
    visit.press("Turn on two-step sign-in")
    visit.open("/account/second-factors")
