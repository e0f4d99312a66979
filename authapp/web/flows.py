"""The flows that are open in a browser's tabs, which share one session cookie.

A page names its flow in the query of its URL, and a form in a hidden field. A form therefore acts
on what its own page showed, even if another tab has opened something else since.
"""

import hmac
import json
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from flask import request, session

from authapp import clock
from authapp.web.browser import browser_secret

_FIELD: Final = "flow"

REGISTERED: Final = "registered"
KEEP_ACCOUNT: Final = "keep_account"
KEEP_ACCOUNT_BY_PASSKEY: Final = "keep_account_by_passkey"
EMAIL_SIGN_IN: Final = "email_sign_in"
SECOND_FACTOR: Final = "second_factor"

LIFETIME: Final = timedelta(days=7)
"""The longest lifetime that an emailed code can have."""

MOST: Final = 8

# Browsers drop cookies over 4 kB, and the session also stores other things.
_MOST_BYTES: Final = 2000


class Flow(NamedTuple):
    """A flow: its kind, and what it acts on, such as an address or a link's secret.

    The id is useless without the session cookie, so it may appear in a URL.
    """

    id: str
    kind: str
    subject: str
    expires_at: int


class PageOutOfDate(Exception):
    """The form does not name an open flow; `again` is the URL that shows the current state."""

    def __init__(self, again: str) -> None:
        super().__init__("the form's flow has ended, or was replaced in another tab")
        self.again = again


def start(kind: str, subject: str, *, about: str | None = None) -> str:
    """Store a flow in the session cookie and return its id; the oldest flows are dropped.

    The same subject gets the same id, so its other tabs keep working. Pass `about` to identify a
    flow whose subject changes.
    """
    flow = _flow(kind, subject, about or subject)
    others = [each for each in _stored() if each.id != flow.id]
    flows = [*others, flow][-MOST:]
    while len(flows) > 1 and len(json.dumps(flows)) > _MOST_BYTES:
        del flows[0]
    session["flows"] = [list(each) for each in flows]
    return flow.id


def opened(kind: str) -> Flow | None:
    """Return the stored flow that the request names; a page that names none gets the newest."""
    id = request.form.get(_FIELD, "") if request.method == "POST" else request.args.get(_FIELD)
    named = (each for each in reversed(_stored()) if each.kind == kind and id in (each.id, None))
    return next(named, None)


def subject_of(flow: Flow | None) -> str:
    """Return what a flow acts on; without a flow an empty string, which no service accepts."""
    return flow.subject if flow else ""


def of_account(user_id: UUID, kind: str, subject: str) -> Flow:
    """Return the flow for something that the account itself stores; no flow is stored."""
    return _flow(kind, subject, f"{user_id} {subject}")


def require_named(flow: Flow | None, *, again: str) -> Flow:
    """Return the flow that the form names; raises PageOutOfDate if it names another, or none."""
    if flow is None or request.form.get(_FIELD) != flow.id:
        raise PageOutOfDate(again)
    return flow


def _flow(kind: str, subject: str, about: str) -> Flow:
    # Keyed, so that no one can check a guessed address against a URL in a log.
    id = hmac.digest(browser_secret().encode(), f"{kind} {about}".encode(), "sha256").hex()[:16]
    return Flow(id, kind, subject, int((clock.now() + LIFETIME).timestamp()))


def _stored() -> list[Flow]:
    now = clock.now().timestamp()
    flows = [Flow(*each) for each in session.get("flows", [])]
    return [each for each in flows if each.expires_at > now]
