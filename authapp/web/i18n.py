"""Languages: English, and those in authapp/translations."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from babel import Locale
from flask import Flask, current_app, request
from flask_babel import (
    Babel,
    format_date,
    format_datetime,
    format_timedelta,
    get_locale,
)
from jinja2 import Environment

from authapp import clock
from authapp.domain.devices import device
from authapp.domain.phone_numbers import show_phone
from authapp.web import messages
from authapp.web.catalogue import catalogue

babel = Babel()

# Each unit with its length, and the smallest number of it that is shown in that unit.
_UNITS: Final = (
    ("day", timedelta(days=1), 2),
    ("hour", timedelta(hours=1), 1),
    ("minute", timedelta(minutes=1), 1),
    ("second", timedelta(microseconds=1), 0),
)


def init_app(app: Flask) -> None:
    """Select the reader's language, and add the functions that use it to templates."""
    babel.init_app(app, locale_selector=_select)
    with app.app_context():
        app.extensions["languages"] = {str(each): each for each in babel.list_translations()}
    _install_gettext(app.jinja_env)
    app.jinja_env.filters.update(
        dateformat=_date,
        datetimeformat=_datetime,
        ago=_ago,
        period=_period,
        minutes=_minutes,
        device=device,
        devicename=messages.for_device,
        phonenumber=_phone,
    )
    app.jinja_env.globals.update(get_locale=get_locale)


def _install_gettext(templates: Environment) -> None:
    """Replace Flask-Babel's functions, which look up the language three times per string."""

    def method(name: str) -> Callable[..., str]:
        def translate(*texts: Any) -> str:
            text: str = getattr(catalogue(), name)(*texts)
            return text

        return translate

    names = ("gettext", "ngettext", "pgettext", "npgettext")
    templates.install_gettext_callables(  # type: ignore[attr-defined]
        **{name: method(f"u{name}") for name in names}, newstyle=True
    )
    # Jinja's own `_` would look up this function in every call.
    templates.globals["_"] = templates.globals["gettext"]


def _select() -> Locale | None:
    """Return the reader's language; emails sent outside of requests use the default."""
    if not request:
        return None
    languages: dict[str, Locale] = current_app.extensions["languages"]
    chosen = request.accept_languages.best_match(languages)
    return languages[chosen] if chosen else None


def _date(value: datetime, width: str) -> str:
    return str(format_date(value, width))


def _ago(value: datetime) -> str:
    return str(format_timedelta(value - clock.now(), add_direction=True))


def _period(value: timedelta) -> str:
    """Return a duration in the largest unit that divides it evenly; one day is "24 hours"."""
    unit = next(name for name, one, least in _UNITS if value >= least * one and not value % one)
    return str(format_timedelta(value, granularity=unit, threshold=math.inf))


def _minutes(value: int) -> timedelta:
    return timedelta(minutes=value)


def _datetime(value: datetime, width: str) -> str:
    return str(format_datetime(value, width))


def _phone(value: str) -> str:
    """Return a number in international format, with spaces that do not break across lines."""
    return show_phone(value).replace(" ", "\u00a0")
