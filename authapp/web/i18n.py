"""Languages: English so far; every string that a person reads can be translated."""

from typing import Any

from flask import Flask, request
from flask_babel import Babel, format_date, format_datetime, get_locale

from authapp.config import Settings

LANGUAGES = ("en",)

babel = Babel()


def init_app(app: Flask) -> None:
    """Choose the reader's language, and give templates what they need to write in it."""
    settings: Settings = app.extensions["settings"]
    babel.init_app(app, locale_selector=_select)
    app.jinja_env.filters.update(dateformat=_date, datetimeformat=_datetime)
    app.jinja_env.globals.update(app_name=settings.app_name, get_locale=get_locale)


def _select() -> str | None:
    return request.accept_languages.best_match(LANGUAGES) if request else None


def _date(value: Any, width: str) -> str:
    return str(format_date(value, width))


def _datetime(value: Any, width: str) -> str:
    return str(format_datetime(value, width))
