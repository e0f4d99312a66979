"""Every page in every state, as a visitor reaches it: for the screenshots and for what must hold on
each."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final
from urllib.request import urlopen

from playwright.sync_api import Page
from time_machine import travel

from authapp import clock
from tests.conftest import PASSWORD

STALE: Final = timedelta(minutes=16)
"""After this long, whoever has signed in is asked for the password once more."""

NEW_PASSWORD: Final = "five entirely different words here"
PHONE: Final = "+447400123456"

STATES: Final[dict[str, Callable[["Visit"], None]]] = {}


@dataclass(frozen=True)
class Visit:
    """One visitor with a browser of their own, whose address nobody else has."""

    page: Page
    server: str
    email: str

    def open(self, path: str) -> None:
        self.page.goto(self.server + path)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def press(self, button: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=button, exact=True).click()

    def register(self) -> None:
        self.open("/register")
        self.fill(email=self.email, password=PASSWORD)
        self.press("Register")

    def sign_in(self, password: str = PASSWORD) -> None:
        self.open("/login")
        self.fill(email=self.email, password=password)
        self.press("Sign in")

    def newest_mail(self) -> dict[str, str]:
        """Return the newest message to this visitor."""
        with urlopen(f"{self.server}/dev/outbox.json") as answer:
            return next(mail for mail in json.load(answer) if mail["to"] == self.email)

    def follow_mail(self) -> None:
        found = re.search(r"https?://\S+", self.newest_mail()["body"])
        assert found
        self.page.goto(found[0])

    def newest_code(self) -> str:
        """Return the code of the newest message, as it stands there."""
        found = re.search(r"^\d{3} \d{3}$", self.newest_mail()["body"], re.MULTILINE)
        assert found
        return found[0]

    def verify(self) -> None:
        self.register()
        self.follow_mail()
        self.press("Verify my address")

    def enter_verified(self) -> None:
        self.verify()
        self.sign_in()

    def ask_for_text(self, phone: str = PHONE) -> None:
        self.open("/verify/phone")
        self.fill(phone=phone)
        self.press("Text me a code")

    def texted_code(self, phone: str = PHONE) -> str:
        """Return the code of the newest text message to a number."""
        with urlopen(f"{self.server}/dev/outbox.json") as answer:
            found = next(text for text in json.load(answer) if text["to"] == phone)
        return str(found["body"][:6])

    def verify_phone(self) -> None:
        self.enter_verified()
        self.ask_for_text()
        self.fill(code=self.texted_code())
        self.press("Verify my number")

    def ask_to_move(self) -> "Visit":
        """Ask for another address, verified and signed in; return the visit as whoever reads it."""
        self.verify()
        self.sign_in()
        self.open("/account/email")
        self.fill(email=f"moved.{self.email}")
        self.press("Send a message there")
        return replace(self, email=f"moved.{self.email}")

    def show_mail(self) -> None:
        """Show the newest message as a mail program would."""
        self.open(f"/dev/outbox/{self.newest_mail()['id']}.html")

    def ask_for_reset(self) -> None:
        self.open("/password/reset")
        self.fill(email=self.email)
        self.press("Mail me a link")

    def reset(self, password: str) -> None:
        self.follow_mail()
        self.fill(new_password=password)
        self.press("Set the new password")

    def close_account(self) -> None:
        self.register()
        self.sign_in()
        self.open("/account/delete")
        self.fill(password=PASSWORD)
        self.press("Delete my account")

    def open_stale(self, path: str) -> None:
        """Open a page so long after signing in that it asks for the password once more."""
        self.register()
        self.sign_in()
        with travel(clock.now() + STALE):
            self.open(path)

    def open_not_me(self) -> None:
        """Open the way out that a security mail offers: here, that of a new password."""
        self.verify()
        self.ask_for_reset()
        self.reset(NEW_PASSWORD)
        found = re.search(r"https?://\S+/not-me/\S+", self.newest_mail()["body"])
        assert found
        self.page.goto(found[0])

    def freeze(self) -> None:
        self.open_not_me()
        self.fill(email=self.email)
        self.press("Freeze my account")


def state(name: str) -> Callable[[Callable[[Visit], None]], None]:
    """Add a state by its name: the feature's word, and how it stands."""

    def add(reach: Callable[[Visit], None]) -> None:
        assert name not in STATES
        STATES[name] = reach

    return add


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
    visit.press("Verify my address")


@state("verify_email-code-refused")
def _(visit: Visit) -> None:
    visit.register()
    visit.fill(code="000000" if visit.newest_code() != "000 000" else "000001")
    visit.press("Verify my address")


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
    visit.press("Send another message")


@state("verify_email-sent-too-soon")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/verify/email")
    visit.press("Send another message")
    visit.press("Send another message")


@state("login")
def _(visit: Visit) -> None:
    visit.open("/login")


@state("login-refused")
def _(visit: Visit) -> None:
    visit.sign_in("not the password of anybody")


@state("login-paused")
def _(visit: Visit) -> None:
    for _ in range(11):
        visit.sign_in("not the password of anybody")


@state("login-after-signing-out")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.page.get_by_role("button", name="Sign out").click()


@state("password_reset")
def _(visit: Visit) -> None:
    visit.open("/password/reset")


@state("password_reset-refused")
def _(visit: Visit) -> None:
    visit.open("/password/reset")
    visit.fill(email="nonsense")
    visit.press("Mail me a link")


@state("password_reset-sent")
def _(visit: Visit) -> None:
    visit.ask_for_reset()


@state("password_reset-link")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.follow_mail()


@state("password_reset-link-refused")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.follow_mail()
    visit.fill(new_password="short")
    visit.press("Set the new password")


@state("password_reset-done")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)


@state("password_reset-used")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)
    visit.open("/password/reset/new")


@state("password_reset-broken")
def _(visit: Visit) -> None:
    visit.open("/password/reset/nonsense")


@state("password_reset-not-opened")
def _(visit: Visit) -> None:
    visit.open("/password/reset/new")


@state("mail-password_reset")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("mail-password_changed")
def _(visit: Visit) -> None:
    visit.register()
    visit.ask_for_reset()
    visit.reset(NEW_PASSWORD)
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("change_password")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/password/change")


@state("change_password-refused")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/password/change")
    visit.fill(current_password="not my password", new_password=NEW_PASSWORD)
    visit.press("Change my password")


@state("change_password-done")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/password/change")
    visit.fill(current_password=PASSWORD, new_password=NEW_PASSWORD)
    visit.press("Change my password")


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
    visit.press("Send a message there")


@state("change_email-sent")
def _(visit: Visit) -> None:
    visit.ask_to_move()


@state("change_email-code-refused")
def _(visit: Visit) -> None:
    visit.ask_to_move()
    visit.fill(code="nonsense")
    visit.press("Verify my new address")


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
    visit.press("Verify my new address")


@state("change_email-used")
def _(visit: Visit) -> None:
    moved = visit.ask_to_move()
    moved.follow_mail()
    moved.press("Verify my new address")
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
    visit.press("Verify my new address")
    visit.page.get_by_role("heading", name="Your new address is in place").wait_for()
    visit.show_mail()


@state("mail-address_wanted")
def _(visit: Visit) -> None:
    replace(visit, email=f"moved.{visit.email}").register()
    visit.page.context.clear_cookies()
    visit.ask_to_move().show_mail()


@state("verify_email-wanted")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.open("/password/change")


@state("account-unverified")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()


@state("account")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()


@state("sessions")
def _(visit: Visit) -> None:
    visit.register()
    for _ in range(2):
        visit.page.context.clear_cookies()
        visit.sign_in()
    visit.open("/account/sessions")


@state("login-after-being-signed-out")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    elsewhere = visit.page.context.cookies()
    visit.page.context.clear_cookies()
    visit.sign_in()
    visit.open("/account/sessions")
    visit.press("Sign out everywhere but here")
    visit.page.context.clear_cookies()
    visit.page.context.add_cookies(elsewhere)
    visit.open("/account")


def _with_token(visit: Visit, name: str = "Nightly backup") -> None:
    """Sign in and make a token, which is shown."""
    visit.verify()
    visit.sign_in()
    visit.open("/account/tokens/new")
    visit.fill(name=name)
    visit.page.get_by_label("See where you are signed in").check()
    visit.page.get_by_label("See the list of your API tokens").check()
    visit.press("Make the token")


def _with_listed_token(visit: Visit, link: str) -> None:
    _with_token(visit)
    visit.open("/account/tokens")
    visit.page.get_by_role("link", name=link, exact=True).click()


@state("api_tokens-none")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/account/tokens")


@state("api_tokens-new")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/account/tokens/new")


@state("api_tokens-new-refused")
def _(visit: Visit) -> None:
    visit.verify()
    visit.sign_in()
    visit.open("/account/tokens/new")
    visit.page.get_by_label("Until a date of your choice").check()
    visit.fill(expires_at="2020-01-31")
    visit.press("Make the token")


@state("api_tokens-made")
def _(visit: Visit) -> None:
    _with_token(visit)


@state("api_tokens")
def _(visit: Visit) -> None:
    _with_listed_token(visit, "Rotate")
    visit.press("Rotate it")
    visit.open("/account/tokens")


@state("api_tokens-rename")
def _(visit: Visit) -> None:
    _with_listed_token(visit, "Rename")


@state("api_tokens-rotate")
def _(visit: Visit) -> None:
    _with_listed_token(visit, "Rotate")


@state("api_tokens-revoke")
def _(visit: Visit) -> None:
    _with_listed_token(visit, "Revoke")


@state("api_tokens-revoked")
def _(visit: Visit) -> None:
    _with_listed_token(visit, "Revoke")
    visit.press("Revoke it")


@state("mail-api_token_leaked")
def _(visit: Visit) -> None:
    _with_token(visit)
    value = visit.page.locator("#value").inner_text()
    report = {"token": value}
    visit.page.request.post(f"{visit.server}/api/v1/tokens/report", data=report)
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("mail-api_token_made")
def _(visit: Visit) -> None:
    _with_token(visit)
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


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
    visit.press("Delete my account")


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
    visit.press("Keep my account")


@state("mail-account_closing")
def _(visit: Visit) -> None:
    visit.close_account()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


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


@state("not_me")
def _(visit: Visit) -> None:
    visit.open_not_me()


@state("not_me-refused")
def _(visit: Visit) -> None:
    visit.open_not_me()
    visit.fill(email="somebody.else@example.org")
    visit.press("Freeze my account")


@state("not_me-done")
def _(visit: Visit) -> None:
    visit.freeze()


@state("not_me-used")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.page.goto(visit.page.url)


@state("not_me-broken")
def _(visit: Visit) -> None:
    visit.open("/not-me/nonsense")


@state("login-frozen")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.sign_in(NEW_PASSWORD)


@state("mail-account_frozen")
def _(visit: Visit) -> None:
    visit.freeze()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("verify_phone")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.open("/verify/phone")


@state("verify_phone-refused")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text("0900 123")


@state("verify_phone-code")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text()


@state("verify_phone-code-refused")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text()
    visit.fill(code="12 34")
    visit.press("Verify my number")


@state("verify_phone-code-too-often")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text()
    wrong = f"{(int(visit.texted_code()) + 1) % 1_000_000:06}"
    for _time in range(6):
        visit.fill(code=wrong)
        visit.press("Verify my number")


@state("verify_phone-again")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text()
    visit.press("Text it again")


@state("verify_phone-too-many")
def _(visit: Visit) -> None:
    visit.enter_verified()
    visit.ask_for_text()
    visit.ask_for_text("+447400123457")


@state("verify_phone-taken")
def _(visit: Visit) -> None:
    visit.verify_phone()
    visit.page.get_by_role("button", name="Sign out").click()
    other = replace(visit, email=f"other-{visit.email}")
    other.verify_phone()


@state("account-phone")
def _(visit: Visit) -> None:
    visit.verify_phone()


@state("phone")
def _(visit: Visit) -> None:
    visit.verify_phone()
    visit.open("/account/phone")


@state("mail-phone_added")
def _(visit: Visit) -> None:
    visit.verify_phone()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("mail-new_device")
def _(visit: Visit) -> None:
    visit.register()
    visit.sign_in()
    visit.page.context.clear_cookies()
    visit.sign_in()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


def reuse_a_session(visit: Visit) -> None:
    """Come back with a refresh token whose successor was used."""
    visit.register()
    visit.sign_in()
    cookies = visit.page.context
    copied = [each for each in cookies.cookies() if each["name"] == "refresh_token"]
    for _ in range(2):
        cookies.clear_cookies(name="access_token")
        visit.open("/account")
    cookies.clear_cookies()
    cookies.add_cookies(copied)
    visit.open("/account")


@state("login-after-reuse")
def _(visit: Visit) -> None:
    reuse_a_session(visit)


@state("mail-session_reused")
def _(visit: Visit) -> None:
    reuse_a_session(visit)
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("error-404")
def _(visit: Visit) -> None:
    visit.open("/nowhere")


@state("error-400")
def _(visit: Visit) -> None:
    visit.open("/login")
    visit.page.context.clear_cookies()
    visit.fill(email=visit.email, password=PASSWORD)
    visit.press("Sign in")


@state("dev_outbox")
def _(visit: Visit) -> None:
    visit.register()
    visit.open("/dev/outbox")


@state("mail-verify_email")
def _(visit: Visit) -> None:
    visit.register()
    visit.open(f"/dev/outbox/{visit.newest_mail()['id']}.html")


@state("confirm_password")
def _(visit: Visit) -> None:
    visit.open_stale("/account/sessions")


@state("confirm_password-refused")
def _(visit: Visit) -> None:
    visit.open_stale("/account/sessions")
    with travel(clock.now() + STALE):
        visit.fill(password="not the password")
        visit.press("Go on")


@state("error-403")
def _(visit: Visit) -> None:
    visit.open("/fault/forbidden")


@state("error-429")
def _(visit: Visit) -> None:
    visit.open("/fault/too-many")


@state("error-500")
def _(visit: Visit) -> None:
    visit.open("/fault/unexpected")


@state("error-503")
def _(visit: Visit) -> None:
    visit.open("/fault/outage")
