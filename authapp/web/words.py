"""What refusals are called in the reader's words."""

from flask_babel import lazy_gettext as _l

from authapp.errors import InputRefused, TokenExpired, TokenRefused, TokenRevoked, TokenUsed

_INPUT = {
    ("email", "not_an_address"): _l("Enter an e-mail address, like name@example.org."),
    ("email", "too_long"): _l("This e-mail address is too long."),
    ("password", "too_short"): _l("Use at least %(least)s characters."),
    ("password", "too_long"): _l("Use at most %(most)s characters."),
    ("password", "too_guessable"): _l(
        "This password is easy to guess. Use several words that do not belong together."
    ),
}


_LINK = {
    TokenUsed: _l("It was used already; each link works once."),
    TokenExpired: _l("It is too old."),
    TokenRevoked: _l("A newer link has taken its place."),
    TokenRefused: _l("It is not complete, or not one of ours. Did the whole line get copied?"),
}


def for_input(refusal: InputRefused) -> str:
    """Word a refusal for the place beside its field."""
    return str(_INPUT[refusal.field.removeprefix("new_"), refusal.reason]) % refusal.details


def for_link(refusal: TokenRefused) -> str:
    """Word why a link does not work."""
    return str(next(text for kind, text in _LINK.items() if isinstance(refusal, kind)))
