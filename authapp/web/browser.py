"""Recognizes the current browser by a secret in its session cookie."""

import secrets
from typing import cast

from flask import g, session

from authapp.domain.emailed_links import Visitor


def browser_secret() -> str:
    """Return the browser's secret; the first call creates it."""
    return cast(str, session.setdefault("browser", secrets.token_urlsafe(32)))


def visitor() -> Visitor:
    """Return who is opening an emailed link."""
    user_id = g.identity.user_id if g.identity else None
    return Visitor(user_id=user_id, browser=session.get("browser"))
