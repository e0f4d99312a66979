"""What refusals and errors are called in the reader's words."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from flask_babel import format_timedelta
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from authapp.errors import (
    InputRefused,
    TokenExpired,
    TokenRefused,
    TokenRevoked,
    TokenUsed,
    TooManyAttempts,
)
from authapp.models import EndReason, Scope
from authapp.services.devices import Device


class Explanation(NamedTuple):
    """What happened, and what to do now."""

    title: Any
    advice: Any


_INPUT: Final = {
    ("email", "not_an_address"): _l("Enter an e-mail address, like name@example.org."),
    ("email", "not_ascii"): _l("Use no accents before the @: mail does not reach such addresses."),
    ("email", "not_the_recipient"): _l("This is not the address that our mail came to."),
    ("email", "unchanged"): _l("This is the address that you have."),
    ("email", "too_long"): _l("This e-mail address is too long."),
    ("code", "not_a_code"): _l("Enter the six digits that stand in the message."),
    ("code", "wrong"): _l("This is not the code of the latest message."),
    ("password", "unchanged"): _l("You have this one already. Choose another."),
    ("phone", "not_a_number"): _l("Enter a phone number, like %(example)s."),
    ("phone", "impossible"): _l("There is no such number. Is a digit missing, or the country?"),
    ("phone", "costly"): _l("This number costs whoever calls it. Use your own mobile number."),
    ("phone", "not_mobile"): _l("This is not a mobile number, so it gets no text messages."),
    ("phone", "not_served"): _l("We send no text messages to this country."),
    ("phone", "verified_already"): _l("This is your number already."),
    ("password", "too_short"): _l("Use at least %(least)s characters."),
    ("password", "too_long"): _l("Use at most %(most)s characters."),
    ("password", "too_guessable"): _l("Easy to guess. Use several words that are not related."),
    ("name", "missing"): _l("Give it a name that tells you later what it is for."),
    ("name", "too_long"): _l("Use at most %(most)s characters."),
    ("name", "unprintable"): _l("Use letters, digits and signs that can be seen."),
    ("scopes", "missing"): _l("Choose at least one thing that the token may do."),
    ("scopes", "unknown"): _l("Choose from the things in the list."),
    ("expires_at", "missing"): _l("Enter a date, like 2027-01-31."),
    ("expires_at", "past"): _l("Enter a date that is still to come."),
    ("expires_at", "too_far"): _l("Enter a date within the next %(years)s years."),
}

SCOPES: Final = {
    Scope.ACCOUNT_READ: _l("See your account: e-mail address and phone number"),
    Scope.SESSIONS_READ: _l("See where you are signed in"),
    Scope.SESSIONS_WRITE: _l("Sign you out, on one device or on all of them"),
    Scope.TOKENS_READ: _l("See the list of your API tokens"),
    Scope.TOKENS_WRITE: _l("Make, rename, rotate and revoke API tokens"),
    Scope.INTROSPECT: _l("Ask whether a token that somebody presents is good"),
}
"""What a scope lets a program do."""

_LINK: Final = {
    TokenUsed: Explanation(
        _l("This link was used already"),
        _l("Each link works once, and this one has done its work."),
    ),
    TokenExpired: Explanation(
        _l("This link is too old"),
        _l("Links are good for a short while only, in case a mail falls into other hands."),
    ),
    TokenRevoked: Explanation(
        _l("This link has been replaced"),
        _l("A newer link has taken its place. Follow the one in the latest mail."),
    ),
    TokenRefused: Explanation(
        _l("This link does not work"),
        _l("It is not complete, or not one of ours. Did the whole line get copied?"),
    ),
}

ADDRESS_TAKEN: Final = Explanation(
    _l("This address has another account by now"),
    _l("An address belongs to one account only. Yours has the one that it had."),
)

RESET_LINK_VOID: Final = Explanation(
    _l("This link no longer works"),
    _l("The password or the e-mail address was changed after the link was sent."),
)

RESET_LINK_NOT_OPENED: Final = Explanation(
    _l("Open the link in the mail once more"),
    _l("We have lost track of it: either too much time has passed, or cookies are switched off."),
)

_ENDING: Final[dict[str, Any]] = {
    EndReason.SIGNED_OUT: _l("You have signed out."),
    EndReason.SIGNED_OUT_ELSEWHERE: _l("You were signed out here from another of your devices."),
    EndReason.SIGNED_OUT_BY_OPERATOR: _l("You were signed out by whoever runs this site."),
    EndReason.REPLACED: _l("Somebody has signed in again in this browser since."),
    EndReason.PASSWORD_CHANGED: _l("You were signed out because your password was changed."),
    EndReason.REUSE_SEEN: _l(
        "You were signed out to be safe: an old copy of your session was used, so somebody may "
        "have copied it. We have sent you a mail about it."
    ),
    EndReason.FROZEN: _l("You were signed out because your account was frozen."),
    EndReason.ACCOUNT_CLOSED: _l("You were signed out because your account will be deleted."),
    EndReason.DISABLED: _l("You were signed out because your account was disabled."),
    EndReason.IDLE: _l("You were signed out because you had not been here for a long while."),
    EndReason.TOO_OLD: _l("You were signed out because you had signed in a long while ago."),
}

FORM_NOT_OURS: Final = Explanation(
    _l("This form can no longer be sent"),
    _l(
        "You signed in or out since it was opened, or cookies are switched off. "
        "Open it again; nothing was changed."
    ),
)

FROZEN: Final = Explanation(
    _l("Your account is frozen"),
    _l(
        "You told us that something was not done by you, so nobody gets in for now. "
        "Choose a new password, and the account is yours again."
    ),
)

_STATUS: Final = {
    HTTPStatus.BAD_REQUEST: Explanation(
        _l("We could not read that"), _l("Go back, reload the page and try again.")
    ),
    HTTPStatus.UNAUTHORIZED: Explanation(_l("You are not signed in"), _l("Sign in and try again.")),
    HTTPStatus.FORBIDDEN: Explanation(
        _l("This is not yours to see"), _l("Sign in as somebody who may.")
    ),
    HTTPStatus.NOT_FOUND: Explanation(
        _l("There is no such page"), _l("The address may be mistyped, or the page may be gone.")
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Explanation(
        _l("This page cannot be used like that"), _l("Open it from the page that leads to it.")
    ),
    HTTPStatus.CONFLICT: Explanation(
        _l("That is not possible now"),
        _l("Something has changed meanwhile. Go back, reload the page and look again."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Explanation(
        _l("That is too much to send at once"), _l("Go back and send less.")
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Explanation(
        _l("Too many attempts"), _l("We pause here to keep other people from guessing.")
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Explanation(
        _l("Something went wrong"), _l("The fault is ours, and we have noted it. Try again.")
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Explanation(
        _l("We cannot answer right now"),
        _l("If you were signed in, you still are. Try again in a moment."),
    ),
}

_LONG: Final = timedelta(hours=1)
"""A pause that nobody should have to wait for."""

_OTHER: Final = Explanation(_l("This request was refused"), _l("Go back and try again."))


def for_input(refusal: InputRefused) -> str:
    """Word a refusal for the place beside its field."""
    return str(_INPUT[refusal.field.removeprefix("new_"), refusal.reason]) % refusal.details


def for_link(refusal: TokenRefused) -> Explanation:
    """Word why a link does not work."""
    return next(text for kind, text in _LINK.items() if isinstance(refusal, kind))


def for_ending(refusal: TokenRefused) -> str:
    """Word why a session is over; nothing is made up where nobody knows any more."""
    return str(_ENDING.get(refusal.reason or "", _("Your session has ended.")))


def for_status(status: HTTPStatus) -> Explanation:
    """Word an error that has a page of its own."""
    return _STATUS.get(status, _OTHER)


def for_device(device: Device) -> str:
    """Word what a device is called."""
    if device.program and device.system:
        return str(_("%(program)s on %(system)s", program=device.program, system=device.system))
    return device.program or device.system or str(_("Unknown device"))


def for_too_many(refusal: TooManyAttempts) -> str:
    """Word a limit for a form that stays filled in."""
    said = _("Too many attempts, by you or by somebody else.")
    if refusal.retry_after > _LONG:
        said += " " + _("To go on now, set a new password by mail.")
    return f"{said} {for_wait(refusal.retry_after)}"


def for_wait(wait: timedelta | None) -> str:
    """Word when to try again, rounded up: too early would count as one more attempt."""
    if wait is None:
        return str(_("Try again later."))
    unit = timedelta(minutes=1) if wait > timedelta(minutes=1) else timedelta(seconds=1)
    rounded = -(-wait // unit) * unit
    return str(
        _("Try again %(when)s.", when=format_timedelta(rounded, add_direction=True, threshold=2))
    )
