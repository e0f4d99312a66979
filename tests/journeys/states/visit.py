"""A visitor, their common actions, and the states that they reach."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import urlopen

from playwright.sync_api import Locator, Page
from time_machine import travel

from authapp import clock
from tests.support.accounts import PASSWORD
from tests.support.browsing import hidden
from tests.support.second_factors import code_of

STALE: Final = timedelta(minutes=16)
"""After this long, a signed-in user is asked for the password again."""

NEW_PASSWORD: Final = "five entirely different words here"
PHONE: Final = "+447400123456"

Reach = Callable[["Visit"], None]
"""Brings a visit to a state."""

STATES: Final[dict[str, Reach]] = {}

SETTINGS: Final[dict[str, dict[str, str]]] = {}
"""The settings of the server that a state needs."""


@dataclass(frozen=True)
class Visit:
    """A visitor with their own browser context and a unique email address."""

    page: Page
    server: str
    email: str

    def open(self, path: str) -> None:
        self.page.goto(self.server + path)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def press(self, button: str) -> None:
        self.leave_by(self.page.get_by_role("main").get_by_role("button", name=button, exact=True))

    def leave_by(self, control: Locator) -> None:
        """Click an element that leads to another page, and wait until it has loaded."""
        with self.page.expect_navigation():
            control.click()

    def register(self) -> None:
        self.open("/register")
        self.fill(email=self.email, password=PASSWORD)
        self.press("Register")

    def is_invited(self) -> None:
        """Get an invitation from an operator, without showing a page."""
        answer = self.page.request.get(f"{self.server}/operator/invite/{self.email}")
        assert answer.status == HTTPStatus.OK, answer.text()

    def sign_in(self, password: str = PASSWORD) -> None:
        self.open("/login")
        self.fill(email=self.email, password=password)
        self.press("Sign in")

    def has_registered(self) -> None:
        """Register, without showing a page."""
        self.submit("/register", email=self.email, password=PASSWORD)

    def has_verified(self) -> None:
        """Register and confirm the address, but do not stay signed in, without showing a page."""
        self.has_registered()
        self.submit(urlsplit(self._mailed_link()).path)
        for name in ("access_token", "refresh_token"):
            self.page.context.clear_cookies(name=name)

    def has_entered(self) -> None:
        """Register, confirm the address and sign in, without showing a page."""
        self.has_verified()
        self.submit("/login", email=self.email, password=PASSWORD)

    def is_administrator(self) -> None:
        """Register, get the role and sign in, without showing a page."""
        self.has_verified()
        secret = self.get_role()
        asked = self.submit("/login", email=self.email, password=PASSWORD)
        self.submit(asked, code=code_of(secret))

    def get_role(self) -> str:
        """Become an administrator, and return the secret of a new authenticator app."""
        return self.page.request.get(f"{self.server}/promote/{self.email}").text()

    def submit(
        self, path: str, status: int = HTTPStatus.SEE_OTHER, to: str = "", **fields: str
    ) -> str:
        """Send the form of a page with the browser's cookies, without showing a page.

        Far cheaper than a browser, for steps that are not the subject. Returns where it leads.
        """
        page = self.page.request.get(self.server + path)
        form = {**hidden(page.text()), **fields}
        url = self.server + to if to else page.url
        answer = self.page.request.post(url, form=form, max_redirects=0)
        assert answer.status == status, answer.text()
        return answer.headers.get("location", "")

    def fetch(self, path: str, page: str = "") -> dict[str, Any]:
        """Return what a script of a page gets from an address; with `page`, send its form."""
        if not page:
            return dict(self.page.request.get(self.server + path).json())
        form = hidden(self.page.request.get(self.server + page).text())
        return dict(self.page.request.post(self.server + path, form=form).json())

    def newest_mail(self, about: str = "") -> dict[str, str]:
        """Return the newest message to this visitor, whose subject contains `about`."""
        with urlopen(f"{self.server}/dev/outbox.json") as answer:
            received = (mail for mail in json.load(answer) if mail["to"] == self.email)
            return next(mail for mail in received if about in (mail["subject"] or ""))

    def follow_mail(self) -> None:
        self.page.goto(self._mailed_link())

    def _mailed_link(self) -> str:
        found = re.search(r"https?://\S+", self.newest_mail()["body"])
        assert found
        return found[0]

    def newest_code(self) -> str:
        """Return the code of the newest message, exactly as written."""
        found = re.search(r"^\d{3} \d{3}$", self.newest_mail()["body"], re.MULTILINE)
        assert found
        return found[0]

    def verify(self) -> None:
        """Register, and confirm the address in the same browser, which signs the visitor in."""
        self.has_registered()
        self.follow_mail()
        self.press("Confirm email address")

    def enter_verified(self) -> None:
        self.has_verified()
        self.sign_in()

    def ask_for_text(self, phone: str = PHONE) -> None:
        self.open("/verify/phone")
        self.fill(phone=phone)
        self.press("Send code")

    def texted_code(self, phone: str = PHONE) -> str:
        """Return the code of the newest text message to a number."""
        with urlopen(f"{self.server}/dev/outbox.json") as answer:
            found = next(text for text in json.load(answer) if text["to"] == phone)
        return str(found["body"][:6])

    def verify_phone(self) -> None:
        self.has_entered()
        self.ask_for_text()
        self.fill(code=self.texted_code())
        self.press("Confirm phone number")

    def open_section(self, name: str) -> None:
        """Open a section of the account by its menu, which is folded up on narrow screens."""
        menu = self.page.get_by_role("navigation", name="Account settings")
        if menu.get_by_text("Account menu").is_visible():
            menu.get_by_text("Account menu").click()
        self.leave_by(menu.get_by_role("link", name=name, exact=True))

    def follow(self, link: str) -> None:
        self.leave_by(self.page.get_by_role("main").get_by_role("link", name=link, exact=True))

    def begin_enrollment(self) -> str:
        """Begin to set up an authenticator app, and return its secret."""
        self.has_entered()
        self.open("/account/second-factors")
        self.press("Set up an authenticator app")
        return self.shown_secret()

    def shown_secret(self) -> str:
        """Return the secret of an authenticator app that the page shows."""
        return self.page.locator("#secret").inner_text().replace(" ", "")

    def turn_on_second_factor(self) -> tuple[str, list[str]]:
        """Set up an authenticator app, and return its secret and the recovery codes."""
        secret = self.begin_enrollment()
        self.fill(code=code_of(secret, steps=0))
        self.press("Turn on two-step sign-in")
        return secret, self.page.locator("#codes code").all_inner_texts()

    def sign_in_up_to_enrollment(self) -> None:
        """Sign in where a second factor is required, without having one."""
        self.has_verified()
        self.sign_in()

    def has_device(self, *, is_offered: bool = False, **changes: Any) -> None:
        """Plug in an authenticator that confirms everything, even what a page only offers."""
        if not is_offered:
            self.page.add_init_script("delete PublicKeyCredential.isConditionalMediationAvailable")
        devtools = self.page.context.new_cdp_session(self.page)
        devtools.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
            **changes,
        }
        devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    def create_passkey(self) -> list[str]:
        """Create a passkey, and return the recovery codes, if there are any."""
        self.open("/account/passkeys/new")
        self.press("Create passkey")
        return self.page.locator("#codes code").all_inner_texts()

    def sign_in_up_to_the_code(self) -> tuple[str, list[str]]:
        """Set up an authenticator app, and enter the password in a browser without cookies."""
        app = self.turn_on_second_factor()
        self.page.context.clear_cookies()
        self.sign_in()
        return app

    def elsewhere(self) -> "Visit":
        """Return a visit of the same account in another browser; close its context."""
        browser = self.page.context.browser
        assert browser is not None
        return replace(self, page=browser.new_context().new_page())

    def ask_to_move(self) -> "Visit":
        """Verify, sign in and request another address; return a visit with that address."""
        self.has_entered()
        self.open("/account/email")
        self.fill(email=f"moved.{self.email}")
        self.press("Send confirmation email")
        return replace(self, email=f"moved.{self.email}")

    def show_mail(self, about: str = "") -> None:
        """Show the newest message, whose subject contains `about`, as an email client would."""
        self.open(f"/dev/outbox/{self.newest_mail(about)['id']}.html")

    def ask_for_reset(self) -> None:
        self.open("/password/reset")
        self.fill(email=self.email)
        self.press("Send reset link")

    def reset(self, password: str) -> None:
        self.follow_mail()
        self.fill(new_password=password)
        self.press("Change password")

    def create_token(self, name: str = "Nightly backup") -> None:
        self.open("/account/tokens/new")
        self.fill(name=name)
        self.page.get_by_label("View your signed-in devices").check()
        self.page.get_by_label("View your API tokens").check()
        self.press("Create token")

    def close_account(self) -> None:
        self.has_entered()
        self.open("/account/delete")
        self.fill(password=PASSWORD)
        self.press("Delete account")

    def open_stale(self, path: str) -> None:
        """Open a page so long after signing in that it asks for the password again."""
        self.has_entered()
        with travel(clock.now() + STALE):
            self.open(path)

    def open_not_me(self) -> None:
        """Open the "not me" link of a security email, here the one about a new password."""
        self.has_verified()
        self.ask_for_reset()
        self.reset(NEW_PASSWORD)
        found = re.search(r"https?://\S+/not-me/\S+", self.newest_mail()["body"])
        assert found
        self.page.goto(found[0])

    def freeze(self) -> None:
        self.open_not_me()
        self.fill(email=self.email)
        self.press("Freeze account")


def state(name: str, **settings: str) -> Callable[[Reach], Reach]:
    """Add a state named after its feature and condition; `settings` differ from the default."""

    def add(reach: Reach) -> Reach:
        assert name not in STATES
        STATES[name] = reach
        SETTINGS[name] = settings
        return reach

    return add
