"""What refusals are called in the reader's words."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext

from authapp.errors import InputRefused, TokenExpired, TokenRefused, TokenRevoked, TokenUsed


_INPUT = {
    ("email", "not_an_address"): lazy_gettext("Enter an e-mail address, like name@example.org."),
    ("email", "too_long"): lazy_gettext("This e-mail address is too long."),
    ("password", "too_short"): lazy_gettext("Use at least %(least)s characters."),
    ("password", "too_long"): lazy_gettext("Use at most %(most)s characters."),
    ("password", "too_guessable"): lazy_gettext(
        "This password is easy to guess. Use several words that do not belong together."
    ),
}


def for_input(refusal: InputRefused) -> str:
    """Word a refusal for the place beside its field."""
    return str(_INPUT[refusal.field.removeprefix("new_"), refusal.reason]) % refusal.details


def for_link(refusal: TokenRefused) -> str:
    """Word why a link does not work."""
    if isinstance(refusal, TokenUsed):
        return _("It was used already; each link works once.")
    if isinstance(refusal, TokenExpired):
        return _("It is too old.")
    if isinstance(refusal, TokenRevoked):
        return _("A newer link has taken its place.")
    return _("It is not complete, or not one of ours. Did the whole line get copied?")
