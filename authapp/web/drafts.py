"""What a user had typed into a form when the session had ended: the form shows it after sign-in.

A draft is stored in the session cookie, which is signed. It contains no password and no code, and
is only shown to the user whose session it was.
"""

import json
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from flask import flash, g, request, session
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from authapp import clock
from authapp.web.navigation import current_page

_TYPED: Final = frozenset({"email", "name", "phone", "expires_at"})
_CHOSEN: Final = frozenset(
    {"scopes", "expiry", "overlap", "region", "language", "end_others", "revoke_tokens"}
)
_KEPT: Final = _TYPED | _CHOSEN
"""The fields of account pages that are kept; all others could be secret."""

LIFETIME: Final = timedelta(hours=1)

# Browsers drop cookies over 4 kB, and the session also stores the open flows.
_MOST_BYTES: Final = 800

_USER: Final = "user"
_DRAFT: Final = "draft"


def remember_user(user_id: UUID) -> None:
    """Store whose session the browser has: an ended session no longer names its user."""
    session[_USER] = str(user_id)


def keep() -> None:
    """Store what the current request submitted, because the user has to sign in first."""
    if request.method != "POST" or _USER not in session:
        return
    fields = {name: values for name, values in request.form.lists() if name in _KEPT}
    is_kept = not _TYPED.isdisjoint(fields) and len(json.dumps(fields)) <= _MOST_BYTES
    session[_DRAFT] = {
        "user": session[_USER],
        "page": request.path if current_page() else "",
        "fields": fields if is_kept else {},
        "until": (clock.now() + LIFETIME).timestamp(),
    }


def is_kept() -> bool:
    """Return whether a form shows again what was typed, once the user has signed in."""
    draft = _draft()
    return bool(draft and draft["fields"])


def carry_over() -> None:
    """Drop everything from the session cookie but a draft.

    Anyone who read the old CSRF secret must not know the next one.
    """
    draft = _draft()
    session.clear()
    if draft is not None:
        session[_DRAFT] = draft


def tell_if_lost() -> None:
    """Tell a user who has just signed in if what they sent before had no effect and is lost."""
    draft = _draft()
    if draft and _is_owner(draft) and not draft["fields"]:
        del session[_DRAFT]
        flash(_("You had to sign in again, so nothing was changed. Repeat what you were doing."))


def restore() -> MultiDict[str, str] | None:
    """Return what the user had typed into the form of the current page, once, and tell them."""
    draft = _draft()
    if draft is None or not _is_owner(draft) or draft["page"] != request.path:
        return None
    del session[_DRAFT]
    flash(
        _(
            "You had to sign in again, so nothing was changed. "
            "We kept what you entered: check it and send it again."
        )
    )
    return MultiDict(draft["fields"])


def _draft() -> dict[str, Any] | None:
    draft: dict[str, Any] | None = session.get(_DRAFT)
    return draft if draft and draft["until"] > clock.now().timestamp() else None


def _is_owner(draft: dict[str, Any]) -> bool:
    return bool(g.identity) and draft["user"] == str(g.identity.user_id)
