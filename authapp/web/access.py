"""Who may see which pages: said where a blueprint is registered, and *everybody* is said too."""

from enum import Enum
from typing import cast

from flask import Blueprint, Flask, current_app, request


class Access(Enum):
    """Who may see a blueprint's pages."""

    EVERYBODY = "everybody"
    SIGNED_IN = "signed in"


def allow(app: Flask, blueprint: Blueprint, access: Access) -> None:
    """Register a blueprint with its rule."""
    app.register_blueprint(blueprint)
    app.extensions.setdefault("access", {})[blueprint.name] = access


def rule() -> Access | None:
    """Return the rule of the page that is asked for; None for what is no page."""
    rules = cast(dict[str, Access], current_app.extensions["access"])
    return rules.get(request.blueprint or "")
