"""Parts of pages that are the same for everyone who reads a language: rendered once, then kept."""

from collections.abc import Hashable
from typing import Any, Final

from flask import Flask, current_app, render_template, request
from flask_babel import get_locale
from markupsafe import Markup

_FRAGMENTS: Final = "fragments"


def init_app(app: Flask) -> None:
    """Start without fragments, and let templates render them."""
    app.extensions[_FRAGMENTS] = {}
    app.jinja_env.globals["fragment"] = fragment


def fragment(template: str, *key: Hashable, **values: Any) -> Markup:
    """Return what a template renders with `values`, which `key` must determine.

    Nothing else about the request may show in it: no account, no token, no time. A page has dozens
    of texts and URLs, and looking them up again takes most of the time of rendering it.
    """
    kept: dict[Hashable, Markup] = current_app.extensions[_FRAGMENTS]
    place = (template, get_locale().language, request.script_root, *key)
    if place in kept:
        return kept[place]
    rendered = Markup(render_template(template, **values))  # noqa: S704 - a template escapes
    if not current_app.jinja_env.auto_reload:
        kept[place] = rendered
    return rendered
