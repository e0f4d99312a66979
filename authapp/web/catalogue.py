"""Translations into the current request's language; Flask-Babel would look it up per string."""

from typing import Any, Final

from babel.support import NullTranslations
from flask import g, has_app_context
from flask_babel import get_translations
from flask_babel.speaklater import LazyString

_UNTRANSLATED: Final = NullTranslations()


def catalogue() -> Any:
    """Return the gettext catalog of the current request's language, or an empty one."""
    if not has_app_context():
        return _UNTRANSLATED
    if "catalogue" not in g:
        g.catalogue = get_translations()
    return g.catalogue


def lazy_gettext(text: str) -> LazyString:
    """Return a text that is translated each time it is rendered."""
    return LazyString(lambda: catalogue().ugettext(text))
