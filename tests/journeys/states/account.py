"""The account, what happened to it, and leaving it."""

from tests.journeys.states.visit import Visit, state


@state("account-unverified")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()


@state("account")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()


@state("delete_account")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/account/delete")


@state("delete_account-refused")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/account/delete")
    visit.fill(password="not the password")
    visit.press("Delete account")


@state("delete_account-done")
def _(visit: Visit) -> None:
    visit.close_account()


@state("delete_account-keep")
def _(visit: Visit) -> None:
    visit.close_account()
    visit.sign_in()


@state("delete_account-kept")
def _(visit: Visit) -> None:
    visit.close_account()
    visit.sign_in()
    visit.press("Keep account")


@state("mail-account_closing")
def _(visit: Visit) -> None:
    visit.close_account()
    visit.show_mail()


@state("download_data")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/account/data")


@state("activity")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in("not the password of anybody")
    visit.sign_in()
    visit.open("/account/activity")
