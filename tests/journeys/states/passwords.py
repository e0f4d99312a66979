"""Changing a known password and resetting a forgotten one."""

from tests.journeys.states.visit import NEW_PASSWORD, Visit, state
from tests.support.accounts import PASSWORD


@state("password_reset")
def open_password_reset(visit: Visit) -> None:
    visit.open("/password/reset")


@state("password_reset-refused")
def request_reset_for_invalid_address(visit: Visit) -> None:
    visit.open("/password/reset")
    visit.fill(email="nonsense")
    visit.press("Send reset link")


@state("password_reset-sent")
def request_reset(visit: Visit) -> None:
    visit.ask_for_reset()


@state("password_reset-link")
def follow_reset_link(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.follow_mail()


@state("password_reset-link-refused")
def reset_to_short_password(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.follow_mail()
    visit.fill(new_password="short")
    visit.press("Change password")


@state("password_reset-done")
def reset_password(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)


@state("password_reset-used")
def reopen_completed_reset(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)
    visit.open("/password/reset/new")


@state("password_reset-broken")
def open_invalid_reset_link(visit: Visit) -> None:
    visit.open("/password/reset/nonsense")


@state("password_reset-not-opened")
def open_reset_form_without_link(visit: Visit) -> None:
    visit.open("/password/reset/new")


@state("mail-password_reset")
def show_reset_email(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.show_mail()


@state("mail-password_changed")
def show_password_changed_email(visit: Visit) -> None:
    visit.has_registered()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)
    visit.show_mail()


@state("change_password")
def open_password_change(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/password/change")


@state("change_password-tokens")
def open_password_change_with_tokens(visit: Visit) -> None:
    visit.has_entered()
    visit.create_token()
    visit.open("/password/change")


@state("change_password-refused")
def change_password_with_wrong_current_one(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/password/change")
    visit.fill(current_password="not my password", new_password=NEW_PASSWORD)
    visit.press("Change password")


@state("change_password-done")
def change_password(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/password/change")
    visit.fill(current_password=PASSWORD, new_password=NEW_PASSWORD)
    visit.press("Change password")
