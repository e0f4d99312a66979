"""Who may see which pages: said where a blueprint is registered, and *everybody* is said too."""

from enum import Flag
from typing import cast

from flask import Blueprint, Flask, current_app, request


class Access(Flag):
    """Who may see a page; `FRESH | VERIFIED` asks for both.

    FRESH is who has entered the password a short while ago. VERIFIED is who has verified their
    address, where UNVERIFIED_MAY asks for it; what is left to others is to look and to verify.
    """

    EVERYBODY = 0
    SIGNED_IN = 1
    FRESH = SIGNED_IN | 2
    VERIFIED = SIGNED_IN | 4


def allow(app: Flask, blueprint: Blueprint, access: Access, **views: Access) -> None:
    """Register a blueprint with its rule; `views` names the ones that have another."""
    app.register_blueprint(blueprint)
    rules = app.extensions.setdefault("access", {})
    rules[blueprint.name] = access
    for view, exception in views.items():
        rules[f"{blueprint.name}.{view}"] = exception


def rule() -> Access | None:
    """Return the rule of the page that is asked for; None for what is no page."""
    return rule_of(request.endpoint or "")


def rule_of(endpoint: str) -> Access | None:
    """Return the rule of a view by its endpoint, or of the blueprint that it is in."""
    rules = cast(dict[str, Access], current_app.extensions["access"])
    return rules.get(endpoint, rules.get(endpoint.rpartition(".")[0]))
