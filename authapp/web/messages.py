"""Texts beside fields and on pages: refused input, limits, ended sessions and permissions."""

from datetime import timedelta
from typing import Any, Final

from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_babel.speaklater import LazyString

from authapp.domain.devices import Device
from authapp.errors import (
    CodesBlocked,
    InputRefused,
    SignInBlocked,
    TokenRefused,
    TooManyAttempts,
)
from authapp.models import EndReason, Scope
from authapp.web.catalogue import lazy_gettext as _l

_INPUT: Final = {
    ("email", "not_an_address"): _l("Enter an email address in the format name@example.org."),
    ("email", "not_ascii"): _l(
        "Before the @, use only unaccented letters, digits and symbols. "
        "We can't send emails to other addresses."
    ),
    ("email", "not_the_recipient"): _l("Enter the email address that received our email."),
    ("email", "unchanged"): _l("This is already your email address. Enter a different one."),
    ("email", "domain_not_allowed"): _l("Enter an email address at one of: %(domains)s."),
    ("email", "too_long"): _l("This email address is too long. Check that it's correct."),
    ("code", "not_a_code"): _l("Enter the six-digit code from the message."),
    ("code", "not_a_recovery_code"): _l(
        "A recovery code has ten letters and digits. Check that you entered all of them."
    ),
    ("code", "not_a_code_from_app"): _l("Enter the six digits from your authenticator app."),
    ("code", "wrong_from_app"): _l(
        "Incorrect code. Enter the code your app shows now, and check your phone's clock."
    ),
    ("code", "wrong_recovery_code"): _l("Incorrect recovery code. Check each character."),
    ("code", "recovery_code_used"): _l("This recovery code was already used. Enter another one."),
    ("code", "used"): _l("This code was already used. Wait for the next one in your app."),
    ("code", "wrong"): _l("Incorrect code. Use the code from the latest message."),
    ("password", "wrong"): _l("Incorrect password."),
    ("passkey", "malformed"): _l("Your browser's answer could not be read. Try again."),
    ("passkey", "not_asked_for"): _l("This page was out of date. Try again."),
    ("passkey", "expired"): _l("That took too long. Try again."),
    ("passkey", "used"): _l("This answer was already used. Try again."),
    ("passkey", "wrong"): _l("This passkey doesn't work here. Choose another way."),
    ("passkey", "exists"): _l("This passkey already exists. Create another one."),
    ("password", "unchanged"): _l("Choose a password that is different from your current one."),
    ("phone", "not_a_number"): _l("Enter a phone number, such as %(example)s."),
    ("phone", "impossible"): _l(
        "This phone number doesn't exist. Check the digits and the country."
    ),
    ("phone", "costly"): _l("This is a premium-rate number. Enter your own mobile number."),
    ("phone", "not_mobile"): _l("This number can't receive text messages. Enter a mobile number."),
    ("phone", "not_served"): _l(
        "We don't send text messages to this country. Enter a number from another country."
    ),
    ("phone", "verified_already"): _l("This is already your phone number. Enter a different one."),
    ("password", "too_short"): _l("Use at least %(least)s characters."),
    ("password", "too_long"): _l("Use at most %(most)s characters."),
    ("password", "too_common"): _l("This is a common password. Choose another one."),
    ("password", "breached"): _l(
        "This password has appeared in a data breach, so attackers know it. Choose another."
    ),
    ("password", "too_guessable"): _l(
        "This password is easy to guess. Use several unrelated words."
    ),
    ("name", "missing"): _l("Enter a name."),
    ("name", "too_long"): _l("Use at most %(most)s characters."),
    ("name", "unprintable"): _l("Use only letters, digits, spaces and symbols."),
    ("scopes", "missing"): _l("Choose at least one permission."),
    ("scopes", "unknown"): _l("Choose permissions from the list."),
    ("expires_at", "missing"): _l("Enter a date in the format 2027-01-31."),
    ("expires_at", "past"): _l("Enter a date in the future."),
    ("expires_at", "too_far"): _l("Enter a date within the next %(years)s years."),
}

SCOPES: Final = {
    Scope.ACCOUNT_READ: _l("View your account: email address and phone number"),
    Scope.SESSIONS_READ: _l("View your signed-in devices"),
    Scope.SESSIONS_WRITE: _l("Sign out one or all of your devices"),
    Scope.TOKENS_READ: _l("View your API tokens"),
    Scope.TOKENS_WRITE: _l("Create, rename, rotate and revoke API tokens"),
    Scope.INTROSPECT: _l("Check whether a token is valid"),
}
"""What each scope allows a program to do."""

LINK_HERE: Final = _l("Open the link in our latest email in this browser instead.")
LINK_WHERE_REGISTERED: Final = _l("Open the link in the browser in which you registered instead.")
LINK_WHERE_SIGNED_IN: Final = _l("Open the link in a browser in which you're signed in instead.")
ASK_SUPPORT: Final = _l("Contact support to confirm your phone number.")
RECOVERY_CODE: Final = _l("Enter a recovery code instead.")
PASSWORD: Final = _l("Enter your password instead.")
SIGN_IN_WITH_PASSWORD: Final = _l("Sign in with your password instead.")
ASK_SUPPORT_TO_SIGN_IN: Final = _l("Choose another way to sign in, or contact support.")

_ENDING: Final[dict[str, Any]] = {
    EndReason.SIGNED_OUT: _l("You have signed out."),
    EndReason.SIGNED_OUT_ELSEWHERE: _l("You were signed out from another device."),
    EndReason.SIGNED_OUT_BY_OPERATOR: _l("You were signed out by an administrator."),
    EndReason.REPLACED: _l("You were signed out because someone signed in again in this browser."),
    EndReason.PASSWORD_CHANGED: _l("You were signed out because your password was changed."),
    EndReason.REUSE_SEEN: _l(
        "To protect your account, we signed you out: an old copy of your session was used, so "
        "someone may have copied it. We've emailed you the details."
    ),
    EndReason.PASSWORD_GUESSED: _l(
        "To protect your account, we signed you out: an incorrect password or code was entered "
        "too many times. We've emailed you the details."
    ),
    EndReason.FACTORS_REMOVED: _l("You were signed out because two-step sign-in was turned off."),
    EndReason.FROZEN: _l("You were signed out because your account was frozen."),
    EndReason.ACCOUNT_CLOSED: _l("You were signed out because your account will be deleted."),
    EndReason.DISABLED: _l("You were signed out because your account was disabled."),
    EndReason.OVER_LIMIT: _l("You were signed out because you signed in on many other devices."),
    EndReason.IDLE: _l("You were signed out because you were inactive."),
    EndReason.TOO_OLD: _l("Your session has expired."),
}


def for_input(refusal: InputRefused) -> str:
    """Return the message to show next to a refused field."""
    return str(_INPUT[refusal.field.removeprefix("new_"), refusal.reason]) % refusal.details


def for_passkey(answer: str, refusal: InputRefused) -> str:
    """Return why a passkey's answer was refused; without JavaScript, there is none."""
    if not answer:
        return str(_("Passkeys need JavaScript. Turn it on, or choose another way."))
    return for_input(refusal)


def for_ending(refusal: TokenRefused) -> str:
    """Return why a session has ended; if the reason is unknown, only that it has."""
    return str(_ENDING.get(refusal.reason or "", _("Your session has ended.")))


def for_device(device: Device) -> str:
    """Return a device's name, such as "Firefox on Linux"."""
    if device.program and device.system:
        return str(_("%(program)s on %(system)s", program=device.program, system=device.system))
    return device.program or device.system or str(_("Unknown device"))


def for_too_many(refusal: TooManyAttempts) -> str:
    """Return the message about a limit, for a form that keeps its input."""
    if isinstance(refusal, SignInBlocked):
        return str(
            _(
                "Sign-in on this device is blocked after too many incorrect passwords. "
                "To unblock it, reset your password."
            )
        )
    return f"{_('Too many attempts.')} {for_wait(refusal.retry_after)}"


def for_too_many_codes(refusal: TooManyAttempts, instead: LazyString) -> str:
    """Return the message about wrong codes: what to do instead, if waiting does not help."""
    advice = instead if isinstance(refusal, CodesBlocked) else for_wait(refusal.retry_after)
    return f"{_('Too many incorrect codes.')} {advice}"


def for_wait(wait: timedelta | None) -> str:
    """Return when to try again, rounded up: an earlier attempt would be refused again."""
    if wait is None:
        return str(_("Try again later."))
    unit = timedelta(minutes=1) if wait > timedelta(minutes=1) else timedelta(seconds=1)
    rounded = -(-wait // unit) * unit
    return str(
        _("Try again %(when)s.", when=format_timedelta(rounded, add_direction=True, threshold=2))
    )
