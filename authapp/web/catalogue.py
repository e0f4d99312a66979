"""Texts that are defined outside of requests, and translated in each."""

from flask_babel.speaklater import LazyString

from authapp.language import catalogue


def lazy_gettext(text: str) -> LazyString:
    """Return a text that is translated each time it is rendered."""
    return LazyString(lambda: catalogue().ugettext(text))
