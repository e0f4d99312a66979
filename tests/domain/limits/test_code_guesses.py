"""Wrong codes of every kind are counted until one is right: neither time nor a new code helps."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from flask import Flask

from authapp.domain.emailed_links import Visitor
from authapp.domain.factors import second_factors
from authapp.errors import CodesBlocked, InputRefused, TooManyAttempts
from authapp.models import User
from authapp.models.transaction import transaction
from authapp.services import change_email, verify_email, verify_phone
from authapp.services.register import register
from tests.support import second_factors as app_of
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.messages import code_to, newest_to

MOST = 3
FAST = dict.fromkeys(
    (
        "LIMIT_CODES",
        "LIMIT_CODES_BY_ADDRESS",
        "LIMIT_PHONE_CODES",
        "LIMIT_PHONE_CODES_BY_NUMBER",
        "LIMIT_SECOND_FACTOR",
        "LIMIT_VERIFICATION_EMAILS",
        "LIMIT_EMAIL_CHANGES",
        "LIMIT_MAIL_BY_MAILBOX",
    ),
    "1000/1h",
)
NUMBER, ADDRESS, BROWSER = "+447400123456", "new@example.org", "b" * 43


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application whose only limit on codes is the one on failures in a row."""
    most = str(MOST)
    return make_app(**FAST, LIMIT_CODES_IN_A_ROW=most, LIMIT_SECOND_FACTOR_IN_A_ROW=most)


class Registering:
    """The code of a registration."""

    def __init__(self, app: Flask, user: User) -> None:
        self.app, self.user_id = app, user.id

    def ask(self) -> str:
        """Request a new code, and return it."""
        self.user_id = register(ADDRESS, PASSWORD, client=HERE, browser=BROWSER)
        return code_to(self.app, ADDRESS)

    def enter(self, code: str) -> None:
        verify_email.claim_by_code(self.user_id, Visitor(None, BROWSER), code, device=DEVICE)


class ChangingAddress:
    """The code for another address."""

    def __init__(self, app: Flask, user: User) -> None:
        self.app, self.user = app, user
        self.address = ADDRESS

    def ask(self) -> str:
        change_email.request(self.user.id, self.address, browser=BROWSER, client=HERE)
        return code_to(self.app, self.address)

    def enter(self, code: str) -> None:
        pending = change_email.get_pending(self.user.id)
        assert pending is not None
        change_email.claim_by_code(pending, Visitor(self.user.id, None), code, client=HERE)
        self.address = f"again.{self.address}"


class VerifyingNumber:
    """The code for a phone number."""

    def __init__(self, app: Flask, user: User) -> None:
        self.app, self.user = app, user
        self.number = NUMBER

    def ask(self) -> str:
        with suppress(TooManyAttempts):
            verify_phone.begin(self.user.id, self.number, "GB", client=HERE, replaces=True)
        return code_to(self.app, self.number)

    def enter(self, code: str) -> None:
        verify_phone.claim(verify_phone.require_pending(self.user.id), code, client=HERE)
        self.number = f"{self.number[:-1]}{int(self.number[-1]) + 1}"


class UsingApp:
    """The codes of an authenticator app."""

    def __init__(self, _app: Flask, user: User) -> None:
        self.user = user
        self.secret, self.codes = app_of.enroll(user.id)

    def ask(self) -> str:
        return app_of.code_of(self.secret)

    def enter(self, code: str) -> None:
        proof = second_factors.check(self.user.id, code)
        with transaction():
            second_factors.claim(proof)


class UsingRecoveryCode(UsingApp):
    """Recovery codes."""

    def ask(self) -> str:
        return self.codes.pop()


KINDS = [Registering, ChangingAddress, VerifyingNumber, UsingApp, UsingRecoveryCode]
every_kind = pytest.mark.parametrize("make", KINDS)


def wrong(code: str) -> str:
    """Return a code that is wrong, in the form of the right one."""
    if code[-1] == "q":
        return f"{code[:-1]}z"
    return f"{code[:-1]}{(int(code[-1]) + 5) % 10}" if code[-1].isdigit() else f"{code[:-1]}q"


def fail(kind: Registering | ChangingAddress | VerifyingNumber | UsingApp, times: int) -> None:
    """Enter wrong codes, and request a new code before each."""
    for _ in range(times):
        code = kind.ask()
        with pytest.raises(InputRefused):
            kind.enter(wrong(code))


@every_kind
def test_only_a_success_permits_more_guesses(
    app: Flask,
    context: None,
    user: User,
    make: type[UsingApp],
    move_time: Callable[..., object],
) -> None:
    kind = make(app, user)
    fail(kind, MOST)

    for days in (0, 30, 360):
        with move_time(days=days):
            code = kind.ask()
            with pytest.raises(CodesBlocked):
                kind.enter(code)


@every_kind
def test_a_success_permits_more_guesses(
    app: Flask, context: None, user: User, make: type[UsingApp], move_time: Callable[..., object]
) -> None:
    kind = make(app, user)
    fail(kind, MOST - 1)

    kind.enter(kind.ask())

    if make is not Registering:
        with move_time(minutes=1):
            fail(kind, MOST)
            with pytest.raises(CodesBlocked):
                kind.enter(kind.ask())


@pytest.mark.parametrize("make", [ChangingAddress, VerifyingNumber])
def test_another_account_gets_no_more_guesses_at_an_address_or_number(
    app: Flask, context: None, user: User, make: type[ChangingAddress]
) -> None:
    fail(make(app, user), MOST)

    other = make(app, add_user("other@example.org"))
    code = other.ask()
    with pytest.raises(CodesBlocked):
        other.enter(code)


@pytest.mark.parametrize("make", [ChangingAddress, VerifyingNumber])
def test_success_with_an_own_address_permits_no_more_guesses_at_another(
    app: Flask, context: None, user: User, make: type[ChangingAddress], move_time
) -> None:
    kind = make(app, user)
    fail(kind, MOST - 1)
    own = make(app, user)
    own.address = own.number = "+447400123499" if make is VerifyingNumber else "own@example.org"
    with move_time(minutes=1):
        own.enter(own.ask())

    with move_time(minutes=2):
        fail(kind, 1)
        code = kind.ask()
        with pytest.raises(CodesBlocked):
            kind.enter(code)


def test_the_link_still_works_and_permits_codes_again(
    app: Flask, context: None, user: User
) -> None:
    kind = Registering(app, user)
    fail(kind, MOST)
    value = newest_to(app, ADDRESS, r"/verify/email/(\S+)")

    verify_email.claim(value, Visitor(None, BROWSER), "", device=DEVICE)

    kind.user_id = register(ADDRESS, PASSWORD, client=HERE, browser=BROWSER)
    with pytest.raises(InputRefused):
        kind.enter("123456")


def test_guesses_without_a_code_are_counted_alike(app: Flask, context: None, user: User) -> None:
    visitor = Visitor(None, BROWSER)
    for _ in range(MOST):
        with pytest.raises(InputRefused):
            verify_email.claim_by_code(user.id, visitor, "123456", device=DEVICE)

    with pytest.raises(CodesBlocked):
        verify_email.claim_by_code(user.id, visitor, "123456", device=DEVICE)


@every_kind
def test_an_operator_permits_more_guesses(
    app: Flask, context: None, user: User, make: type[UsingApp], move_time: Callable[..., object]
) -> None:
    kind = make(app, user)
    fail(kind, MOST)
    user_id = kind.user_id if isinstance(kind, Registering) else user.id

    done = app.test_cli_runner().invoke(args=["users", "allow-codes", str(user_id)])

    assert done.output == f"forgot the wrong codes of {user_id}\n"
    with move_time(minutes=1):
        kind.enter(kind.ask())
