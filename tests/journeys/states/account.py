"""The account, its recent activity, and its deletion."""

from tests.journeys.states.visit import Visit, state


@state("account")
def open_account(visit: Visit) -> None:
    visit.has_verified()
    visit.sign_in()


@state("delete_account")
def open_account_deletion(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/delete")


@state("delete_account-refused")
def delete_account_with_wrong_password(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/delete")
    visit.fill(password="not the password")
    visit.press("Delete account")


@state("delete_account-done")
def delete_account(visit: Visit) -> None:
    visit.close_account()


@state("delete_account-keep")
def sign_in_to_closing_account(visit: Visit) -> None:
    visit.close_account()
    visit.sign_in()


@state("delete_account-kept")
def keep_account(visit: Visit) -> None:
    visit.close_account()
    visit.sign_in()
    visit.press("Keep account")


@state("mail-account_closing")
def show_account_closing_email(visit: Visit) -> None:
    visit.close_account()
    visit.show_mail()


@state("download_data")
def open_data_download(visit: Visit) -> None:
    visit.has_entered()
    visit.open("/account/data")


@state("activity")
def open_activity_with_failed_sign_in(visit: Visit) -> None:
    visit.has_verified()
    visit.sign_in("not the password of anybody")
    visit.sign_in()
    visit.open("/account/activity")
