"""The reader's language: how it is chosen, and what templates write in it."""

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from babel import Locale
from flask import Flask, Response, after_this_request, g, request
from flask_babel import (
    Babel,
    format_date,
    format_datetime,
    format_percent,
    format_timedelta,
    get_locale,
    refresh,
)
from jinja2 import Environment
from markupsafe import Markup

from authapp import clock, language
from authapp.domain.devices import device
from authapp.domain.phone_numbers import show_phone
from authapp.http.credentials import cookie, cookie_name, is_secure
from authapp.language import catalogue, tag_of
from authapp.web import messages
from authapp.web.navigation import page_without_secret

babel = Babel()

LANGUAGE: Final = "language"
"""The cookie with the language that was chosen in this browser."""

_REMEMBERED: Final = timedelta(days=365)

# Each unit with its length, and the smallest number of it that is shown in that unit.
_UNITS: Final = (
    ("day", timedelta(days=1), 2),
    ("hour", timedelta(hours=1), 1),
    ("minute", timedelta(minutes=1), 1),
    ("second", timedelta(microseconds=1), 0),
)


def init_app(app: Flask) -> None:
    """Select the reader's language, and add the functions that use it to templates."""
    language.init_app(app)
    babel.init_app(app, locale_selector=_select)
    _install_gettext(app.jinja_env)
    app.jinja_env.filters.update(
        dateformat=_date,
        datetimeformat=_datetime,
        machinetime=_machine_time,
        ago=_ago,
        period=_period,
        roughly=format_timedelta,
        percent=format_percent,
        minutes=_minutes,
        device=device,
        devicename=messages.for_device,
        phonenumber=_phone,
        linked=_linked,
    )
    app.jinja_env.globals.update(
        get_locale=get_locale,
        tag_of=tag_of,
        languages=language.offered,
        here=page_without_secret,
    )


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


def remember(tag: str) -> None:
    """Keep the chosen language in this browser, with the current response."""

    def send(response: Response) -> Response:
        response.set_cookie(
            cookie_name(LANGUAGE),
            tag,
            max_age=_REMEMBERED,
            secure=is_secure(),
            httponly=True,
            samesite="Lax",
        )
        return response

    after_this_request(send)


def follow(tag: str | None) -> None:
    """Continue in the account's language, if it was changed in another browser."""
    chosen = language.find(tag)
    if chosen is not None and chosen != get_locale():
        remember(tag_of(chosen))
        g.account_language = tag_of(chosen)
        g.pop("catalogue", None)
        refresh()


def as_used_here(chosen: Locale) -> Locale:
    """Return a language as it is used in the reader's country, which their browser may name."""
    return next((each for each in _accepted() if each.language == chosen.language), chosen)


def _select() -> Locale:
    """Return the reader's language: the chosen one, or else the one that the browser prefers.

    The account's language is the chosen one, because every sign-in copies it to the cookie. No page
    has to query the account for it, not even one that reports that the database is down.
    """
    if not request:
        return language.default()
    after_this_request(_vary)
    chosen = g.get("account_language") or cookie(LANGUAGE)
    return language.find(chosen) or next(iter(_accepted()), language.default())


def _accepted() -> list[Locale]:
    """Return the offered languages that the browser accepts, the preferred one first."""
    tags = request.accept_languages.values()
    return [found for tag in tags if (found := language.find(tag))]


def _vary(response: Response) -> Response:
    """Tell caches what the language of a response depends on."""
    response.vary.update(("Accept-Language", "Cookie"))
    return response


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
    """Return a date and a time with its time zone, but without seconds."""
    locale = get_locale()
    # All times are in UTC, for which only the French data has another name.
    time = f"{locale.time_formats['short'].pattern} 'UTC'"
    date = locale.date_formats[width].pattern
    both: str = locale.datetime_formats[width]
    return str(format_datetime(value, both.replace("{0}", time).replace("{1}", date)))


def _machine_time(value: datetime) -> str:
    """Return a time for `<time datetime>`, in which HTML allows at most three decimals."""
    return value.isoformat(timespec="seconds")


def _phone(value: str) -> str:
    """Return a number in international format, with spaces that do not break across lines."""
    shown = show_phone(value).replace(" ", "\u00a0")
    # Between words that are read from right to left, its groups would change places.
    return shown if get_locale().text_direction == "ltr" else f"\u2066{shown}\u2069"


def _linked(text: Markup, *urls: str) -> Markup:
    """Return a sentence whose `<a>...</a>` lead to these URLs, in order.

    The sentence is translated as a whole: its links can be anywhere in it. `_` has escaped the
    values in it.
    """
    for url in urls:
        text = text.replace("<a>", Markup('<a href="{}">').format(url), 1)
    return text
