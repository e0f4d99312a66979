"""Access rules of pages: each blueprint is registered with its rule, even if it is ANYONE."""

from collections.abc import Callable
from enum import Flag
from typing import Any, cast

from flask import Blueprint, Flask, current_app, request


class Access(Flag):
    """Who may see a page; FRESH users have confirmed who they are within PASSWORD_FRESHNESS.

    An ADMIN has the role `admin`, and is fresh; for all others, the page does not exist.
    """

    ANYONE = 0
    SIGNED_IN = 1
    FRESH = SIGNED_IN | 2
    ADMIN = FRESH | 4


def init_app(app: Flask, *hooks: Callable[[], Any]) -> None:
    """Run `hooks`, in this order, before every page that `allow` registers, and no other view."""
    app.extensions["access"] = {}
    app.extensions["page_hooks"] = hooks


def allow(app: Flask, blueprint: Blueprint, access: Access, **views: Access) -> None:
    """Register a blueprint of pages with its rule; `views` lists views that have their own rule."""
    # Not on the blueprint itself, which is also registered with other applications.
    app.before_request_funcs[blueprint.name] = list(app.extensions["page_hooks"])
    app.register_blueprint(blueprint)
    rules = app.extensions["access"]
    rules[blueprint.name] = access
    for view, exception in views.items():
        rules[f"{blueprint.name}.{view}"] = exception


def rule() -> Access:
    """Return the rule of the requested page."""
    return rule_of(request.endpoint or "") or Access.ANYONE


def rule_of(endpoint: str) -> Access | None:
    """Return the rule of a view by its endpoint; None if the view is not a page."""
    rules = cast(dict[str, Access], current_app.extensions["access"])
    return rules.get(endpoint, rules.get(endpoint.rpartition(".")[0]))
