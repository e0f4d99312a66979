"""The operators' pages: accounts, signing keys, messages, the audit log, and charts."""

from typing import Any, Final
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from authapp.delivery import outbox
from authapp.delivery.outbox import State
from authapp.domain import audit, sessions
from authapp.domain.roles import ADMIN
from authapp.errors import NotFound
from authapp.services import admin, invitations, keys, users
from authapp.services import audit as audit_log
from authapp.services.audit import Filter
from authapp.web import access, admin_actions, charts
from authapp.web.access import Access
from authapp.web.account import Entry
from authapp.web.activity import DESCRIPTIONS
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.fragments import fragment
from authapp.web.ids import parse_optional_id

blueprint = Blueprint("admin", __name__, url_prefix="/admin")

REFRESH_SECONDS: Final = 30
_FAILED_SHOWN: Final = 25
_SEQUENCES: Final = 2**63

_SECTIONS: Final = (
    ("admin.show", _l("Overview")),
    ("admin.list_users", _l("Accounts")),
    ("admin.list_keys", _l("Signing keys")),
    ("admin.show_outbox", _l("Messages")),
    ("admin.list_audit", _l("Audit log")),
)


def is_administrator() -> bool:
    """Return whether the visitor may open these pages, once they have confirmed who they are."""
    return g.get("identity") is not None and ADMIN in g.identity.roles


def menu() -> str:
    """Return the menu if the current page is one of these, else an empty string."""
    if Access.ADMIN not in access.rule() or not is_administrator():
        return ""
    entries = (_entry(url_for(endpoint), name) for endpoint, name in _SECTIONS)
    # Which entry is the current one depends on the endpoint alone.
    return fragment("parts/menu.html", request.endpoint, entries=entries, is_admin=True)


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show charts of sign-ins and of the cache; with `refresh`, the browser loads them again."""
    hours, reads = admin.sign_ins_by_hour(), admin.reads_by_kind()
    return render_template(
        "admin/show.html",
        hours=hours,
        reads=reads,
        chart=charts,
        refresh=REFRESH_SECONDS if "refresh" in request.args else None,
    )


@blueprint.get("/users")
def list_users() -> ResponseReturnValue:
    """Find accounts by the beginning of their address, or by id."""
    search = request.args.get("search", "")
    found = admin.list_accounts(search, after=parse_optional_id(request.args.get("after")))
    return render_template(
        "admin/users.html", found=found, search=search, may_invite=invitations.are_possible()
    )


@blueprint.get("/users/<uuid:id>")
def show_user(id: UUID) -> ResponseReturnValue:
    """Show an account with its latest sessions and activity, but without network addresses."""
    found = users.describe(id)
    return render_template(
        "admin/user.html",
        found=found,
        sessions=[each for each in found.sessions if sessions.end_reason(each) is None],
        actions=admin_actions.offered(found.user),
        descriptions=DESCRIPTIONS,
    )


@blueprint.get("/users/<uuid:id>/<action>")
def ask(id: UUID, action: str) -> ResponseReturnValue:
    """Say what an action does, and ask whether to do it."""
    description = admin_actions.describe(action)
    user = users.describe(id).user
    return render_template("admin/ask.html", user=user, action=action, description=description)


@blueprint.post("/users/<uuid:id>/<action>")
def act(id: UUID, action: str) -> ResponseReturnValue:
    """Do what was asked, as this administrator's act."""
    description = admin_actions.describe(action)
    users.find(str(id))
    actor, command = audit.administrator(g.identity.user_id), f"admin {action}"
    with audit.acting_as(actor), audit_log.recorded_command(command, id):
        description.do(id)
    flash(str(description.done))
    return redirect(url_for("admin.show_user", id=id), 303)


@blueprint.get("/keys")
def list_keys() -> ResponseReturnValue:
    """List the signing keys, the newest first."""
    found = [(key, keys.live_sessions(key)) for key in reversed(keys.list_keys())]
    return render_template("admin/keys.html", keys=found)


@blueprint.get("/outbox")
def show_outbox() -> ResponseReturnValue:
    """Show how many messages wait, for how long, and which ones could not be sent."""
    return render_template(
        "admin/outbox.html",
        counts=outbox.count_unsent(),
        waited=outbox.longest_wait(),
        failed=outbox.list_in([State.DEAD], limit=_FAILED_SHOWN),
        State=State,
    )


@blueprint.get("/audit")
def list_audit() -> ResponseReturnValue:
    """List the audit log, newest first, one page at a time."""
    account = parse_optional_id(request.args.get("account"))
    action = request.args.get("action") or None
    before = _sequence(request.args.get("before"))
    chosen = Filter(account_id=account, action=action if action and action.isprintable() else None)
    found = audit_log.list_entries(chosen, before=before, limit=audit_log.PAGE + 1)
    return render_template(
        "admin/audit.html",
        listed=found[: audit_log.PAGE],
        has_older=len(found) > audit_log.PAGE,
        is_latest=before is None,
        account=account,
        action=action,
    )


def _entry(url: str, name: Any) -> Entry:
    here = request.path
    if here == url:
        return Entry(url, name, "page")
    is_below = url != url_for("admin.show") and here.startswith(f"{url}/")
    return Entry(url, name, "true" if is_below else None)


def _sequence(value: str | None) -> int | None:
    try:
        number = int(value) if value else None
    except ValueError:
        raise NotFound("no such entry") from None
    if number is not None and not 0 < number < _SEQUENCES:
        raise NotFound("no such entry")
    return number
