"""The browser at hand, known again by a secret in its own signed cookie until it is closed."""

import secrets
from typing import cast

from flask import g, session

from authapp.services.openings import Opener


def browser_secret() -> str:
    """Return the browser's secret; it gets one the first time."""
    return cast(str, session.setdefault("browser", secrets.token_urlsafe(32)))


def opener() -> Opener:
    """Return who opens a mailed link."""
    user_id = g.identity.user_id if g.identity else None
    return Opener(user_id=user_id, browser=session.get("browser"))
