"""Languages: which ones are offered, which one a text is written in, and its translations."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from babel import Locale, localedata
from babel.support import NullTranslations
from flask import Flask, current_app, g, has_app_context
from flask_babel import force_locale, get_translations

from authapp.config import Settings, current_settings
from authapp.errors import ConfigError

SOURCE: Final = "en"
"""The language of the texts in the code; all others are translated from it."""

FOLDER: Final = Path(__file__).parent / "translations"

# A language, maybe a script, and maybe a country; strangers send these.
_TAG: Final = re.compile(r"[a-z]{2,3}(?:[-_][a-z]{4})?(?:[-_](?P<country>[a-z]{2}))?", re.I)
_UNTRANSLATED: Final = NullTranslations()


def init_app(app: Flask) -> None:
    """Offer the languages of LANGUAGES; raises ConfigError for one that is not translated."""
    settings: Settings = app.extensions["settings"]
    for code in settings.languages.offered:
        if code != SOURCE and not catalogue_file(code).is_file():
            raise ConfigError(f"LANGUAGES has {code}, which authapp is not translated into")
    app.extensions["languages"] = {
        code.lower(): Locale.parse(code, sep="-") for code in settings.languages.offered
    }


def catalogue_file(code: str) -> Path:
    """Return the compiled translations of a language."""
    return FOLDER / code.replace("-", "_") / "LC_MESSAGES" / "messages.mo"


def offered() -> list[Locale]:
    """Return the languages that a reader can choose from, in the order of LANGUAGES."""
    return list(current_app.extensions["languages"].values())


def default() -> Locale:
    """Return DEFAULT_LANGUAGE."""
    languages: dict[str, Locale] = current_app.extensions["languages"]
    return languages[current_settings().languages.default.lower()]


def find(tag: str | None) -> Locale | None:
    """Return the offered language that a tag such as `de-AT` names, None if there is none.

    The country decides about dates and times: `en-GB` has a 24-hour clock, `en-US` has not.
    """
    match = _TAG.fullmatch(tag or "")
    if match is None:
        return None
    languages: dict[str, Locale] = current_app.extensions["languages"]
    tag = match[0].replace("_", "-").lower()
    while tag not in languages:
        tag, _, _last = tag.rpartition("-")
        if not tag:
            return None
    return _in_country(languages[tag], match["country"])


def tag_of(locale: Locale) -> str:
    """Return the tag of a language, as in HTML and HTTP (BCP 47)."""
    return str(locale).replace("_", "-")


@contextmanager
def written_in(tag: str | None) -> Iterator[None]:
    """Write texts in the language of their reader, who need not be who sent the request.

    Without a language, or if it is no longer offered, they are in DEFAULT_LANGUAGE.
    """
    before = g.pop("catalogue", None)
    try:
        with force_locale(str(find(tag) or default())):
            yield
    finally:
        g.pop("catalogue", None)
        if before is not None:
            g.catalogue = before


def catalogue() -> Any:
    """Return the translations into the current language; Flask-Babel looks it up per string."""
    if not has_app_context():
        return _UNTRANSLATED
    if "catalogue" not in g:
        g.catalogue = get_translations()
    return g.catalogue


def _in_country(locale: Locale, country: str | None) -> Locale:
    """Return a language as it is used in a country, if Babel knows how."""
    if country is None or locale.territory:
        return locale
    regional = f"{locale}_{country.upper()}"
    return Locale.parse(regional) if localedata.exists(regional) else locale
