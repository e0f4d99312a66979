"""Texts of pages that explain why something did not work: refused links, and errors."""

from http import HTTPStatus
from typing import Any, Final, NamedTuple

from authapp.errors import TokenExpired, TokenRefused, TokenRevoked, TokenUsed
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.opened_links import LinkNotOpened


class Explanation(NamedTuple):
    """What happened, and what to do next."""

    title: Any
    advice: Any


_LINK: Final = {
    LinkNotOpened: Explanation(
        _l("Open the link in the email again"),
        _l("Too much time has passed, or your browser blocks cookies."),
    ),
    TokenUsed: Explanation(
        _l("This link was already used"),
        _l("Each link works only once."),
    ),
    TokenExpired: Explanation(
        _l("This link has expired"),
        _l("For your security, links only work for a limited time. Request a new one."),
    ),
    TokenRevoked: Explanation(
        _l("This link has been replaced"),
        _l("We've sent you a newer one. Open the link in the latest email."),
    ),
    TokenRefused: Explanation(
        _l("This link doesn't work"),
        _l("This link is incomplete or invalid. Copy the whole link from the email."),
    ),
}

ADDRESS_TAKEN: Final = Explanation(
    _l("This email address is already in use"),
    _l("An email address can only be used by one account. Your address hasn't changed."),
)

ADDRESS_CONFIRMED_BEFORE: Final = Explanation(
    _l("You already have an account"),
    _l(
        "This email address was confirmed with another link. Sign in with the password that you "
        "chose then, or reset your password."
    ),
)

NOTHING_TO_STOP: Final = Explanation(
    _l("There is nothing to stop"),
    _l("The waiting time was already stopped, or has ended."),
)

REGISTRATION_CLOSED: Final = Explanation(
    _l("Registration is closed"),
    _l("New accounts can't be created here. If you already have one, sign in."),
)

INVITATION_NEEDED: Final = Explanation(
    _l("You need an invitation"),
    _l(
        "New accounts are created by invitation only. If you've received one, open the link in the "
        "email. If you already have an account, sign in."
    ),
)

INVITATION_VOID: Final = Explanation(
    _l("This invitation no longer works"),
    _l(
        "It has expired or was replaced, or you've already chosen a password. Reset your password, "
        "or ask for a new invitation."
    ),
)

RESET_LINK_VOID: Final = Explanation(
    _l("This link no longer works"),
    _l("Your password or email address was changed after this link was sent. Request a new one."),
)

FORM_NOT_OURS: Final = Explanation(
    _l("This form has expired"),
    _l(
        "You signed in or out after opening it, or your browser blocks cookies. "
        "Nothing was changed."
    ),
)

PAGE_OUT_OF_DATE: Final = Explanation(
    _l("This page is out of date"),
    _l("It has expired, or you continued in another tab. Nothing was changed."),
)

FROZEN: Final = Explanation(
    _l("Your account is frozen"),
    _l(
        "You reported activity that wasn't yours, so sign-in is blocked. "
        "Choose a new password to unfreeze your account."
    ),
)

_STATUS: Final = {
    HTTPStatus.BAD_REQUEST: Explanation(
        _l("We couldn't read your request"), _l("Go back, reload the page and try again.")
    ),
    HTTPStatus.UNAUTHORIZED: Explanation(_l("You are not signed in"), _l("Sign in and try again.")),
    HTTPStatus.FORBIDDEN: Explanation(
        _l("You don't have access to this page"), _l("Sign in with an account that has access.")
    ),
    HTTPStatus.NOT_FOUND: Explanation(
        _l("Page not found"), _l("Check the web address. The page may have been moved or deleted.")
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: Explanation(
        _l("You can't open this page directly"), _l("Go back and continue from the previous page.")
    ),
    HTTPStatus.CONFLICT: Explanation(
        _l("That's not possible right now"),
        _l("Something has changed since you opened the page. Go back, reload it and try again."),
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Explanation(
        _l("Your request is too large"), _l("Go back and send less data.")
    ),
    HTTPStatus.TOO_MANY_REQUESTS: Explanation(
        _l("Too many attempts"), _l("For your security, we limit the number of attempts.")
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: Explanation(
        _l("Something went wrong"),
        _l("This is a problem on our side, and it has been logged. Try again."),
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: Explanation(
        _l("Sorry, there is a problem with the service"),
        _l("Try again in a few seconds. If you were signed in, you still are."),
    ),
}

MISCONFIGURED: Final = Explanation(
    _l("This doesn't work at the moment"),
    _l(
        "There is a fault in our configuration, and it has been logged. Trying again won't help "
        "until we've fixed it. If you were signed in, you still are."
    ),
)

_OTHER: Final = Explanation(_l("We couldn't process your request"), _l("Go back and try again."))


def for_link(refusal: TokenRefused) -> Explanation:
    """Return why a link does not work."""
    return next(text for kind, text in _LINK.items() if isinstance(refusal, kind))


def for_status(status: HTTPStatus) -> Explanation:
    """Return the text of an error page."""
    return _STATUS.get(status, _OTHER)
