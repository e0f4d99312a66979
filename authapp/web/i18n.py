"""Languages: English, and whatever authapp/translations holds besides."""

from datetime import datetime, timedelta

from flask import Flask, current_app, request
from flask_babel import Babel, format_date, format_datetime, format_timedelta, get_locale

from authapp import clock
from authapp.services.devices import device
from authapp.services.phone_numbers import show_phone
from authapp.web import words

babel = Babel()


def init_app(app: Flask) -> None:
    """Choose the reader's language, and give templates what they need to write in it."""
    babel.init_app(app, locale_selector=_select)
    with app.app_context():
        app.extensions["languages"] = [str(locale) for locale in babel.list_translations()]
    app.jinja_env.filters.update(
        dateformat=_date,
        datetimeformat=_datetime,
        ago=_ago,
        period=_period,
        device=device,
        devicename=words.for_device,
        phonenumber=_phone,
    )
    app.jinja_env.globals.update(get_locale=get_locale)


def _select() -> str | None:
    """Return the reader's language; a mail that no request asked for gets the default."""
    if not request:
        return None
    return request.accept_languages.best_match(current_app.extensions["languages"])


def _date(value: datetime, width: str) -> str:
    return str(format_date(value, width))


def _ago(value: datetime) -> str:
    return str(format_timedelta(value - clock.now(), add_direction=True))


def _period(value: timedelta) -> str:
    return str(format_timedelta(value))


def _datetime(value: datetime, width: str) -> str:
    return str(format_datetime(value, width))


def _phone(value: str) -> str:
    """Return a number in the spelling for people abroad, which no line's end tears apart."""
    return show_phone(value).replace(" ", "\u00a0")
