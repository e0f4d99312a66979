"""Who may see which pages: declared where a blueprint is registered, and *everybody* is, too."""

from collections.abc import Callable
from enum import Flag
from typing import Any, cast

from flask import Blueprint, Flask, current_app, request


class Access(Flag):
    """Who may see a page; `FRESH | VERIFIED` asks for both.

    FRESH users have entered their password within PASSWORD_FRESHNESS. VERIFIED users have verified
    their address, where UNVERIFIED_MAY asks for it; all others may look, and verify it.
    """

    EVERYBODY = 0
    SIGNED_IN = 1
    FRESH = SIGNED_IN | 2
    VERIFIED = SIGNED_IN | 4


def init_app(app: Flask, *hooks: Callable[[], Any]) -> None:
    """Run `hooks`, in this order, before every page that `allow` registers, and no other view."""
    app.extensions["access"] = {}
    app.extensions["page_hooks"] = hooks


def allow(app: Flask, blueprint: Blueprint, access: Access, **views: Access) -> None:
    """Register a blueprint of pages with its rule; `views` names those that have another."""
    # Not on the blueprint itself, which is registered with other applications, too.
    app.before_request_funcs[blueprint.name] = list(app.extensions["page_hooks"])
    app.register_blueprint(blueprint)
    rules = app.extensions["access"]
    rules[blueprint.name] = access
    for view, exception in views.items():
        rules[f"{blueprint.name}.{view}"] = exception


def rule() -> Access:
    """Return the rule of the requested page."""
    return rule_of(request.endpoint or "") or Access.EVERYBODY


def rule_of(endpoint: str) -> Access | None:
    """Return the rule of a view by its endpoint; None if it is not a page's."""
    rules = cast(dict[str, Access], current_app.extensions["access"])
    return rules.get(endpoint, rules.get(endpoint.rpartition(".")[0]))
