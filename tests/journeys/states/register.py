"""How one gets an account, and proves its address."""

from tests.journeys.states.visit import Visit, state


@state("home")
def _(visit: Visit) -> None:
    visit.open("/")


@state("register")
def _(visit: Visit) -> None:
    visit.open("/register")


@state("register-strength")
def _(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(password="passwordpassword")
    visit.page.get_by_role("meter").wait_for()


@state("register-refused")
def _(visit: Visit) -> None:
    visit.open("/register")
    visit.fill(email="nonsense", password="short")
    visit.press("Register")


@state("register-done")
def _(visit: Visit) -> None:
    visit.register()


@state("verify_email-link")
def _(visit: Visit) -> None:
    visit.register()
    visit.follow_mail()


@state("verify_email-elsewhere")
def _(visit: Visit) -> None:
    visit.register()
    visit.page.context.clear_cookies()
    visit.follow_mail()


@state("verify_email-elsewhere-refused")
def _(visit: Visit) -> None:
    visit.register()
    visit.page.context.clear_cookies()
    visit.follow_mail()
    visit.fill(code="nonsense")
    visit.press("Confirm email address")


@state("verify_email-code-refused")
def _(visit: Visit) -> None:
    visit.register()
    visit.fill(code="000000" if visit.newest_code() != "000 000" else "000001")
    visit.press("Confirm email address")


@state("verify_email-done")
def _(visit: Visit) -> None:
    visit.verify()


@state("verify_email-used")
def _(visit: Visit) -> None:
    visit.verify()
    visit.follow_mail()


@state("verify_email-broken")
def _(visit: Visit) -> None:
    visit.open("/verify/email/nonsense")


@state("verify_email-signed-in")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/verify/email")


@state("verify_email-sent-again")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/verify/email")
    visit.press("Send a new email")


@state("verify_email-sent-too-soon")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/verify/email")
    visit.press("Send a new email")
    visit.press("Send a new email")


@state("verify_email-wanted")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/password/change")


@state("mail-verify_email")
def _(visit: Visit) -> None:
    visit.register()
    visit.show_mail()
