"""What happened to the account of whoever is signed in, in plain words."""

from typing import Final
from uuid import UUID

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from authapp.errors import NotFound
from authapp.models import Activity, ActivityEvent, VerificationType
from authapp.services import activity as service
from authapp.services.devices import Device
from authapp.web.account import SECTIONS, Section
from authapp.web.words import for_device

activity = Blueprint("activity", __name__, url_prefix="/account/activity")

SECTIONS.append(
    Section(
        "activity.show",
        _l("What happened lately"),
        _l("Sign-ins and changes: when, from where, and on which device."),
    )
)

WORDS: Final[dict[Activity, LazyString]] = {
    Activity.REGISTERED: _l("The account was made"),
    Activity.REGISTERED_AGAIN: _l("Somebody tried to register with your address"),
    Activity.EMAIL_VERIFIED: _l("The e-mail address was verified"),
    Activity.EMAIL_CHANGE_ASKED: _l("Another e-mail address was asked for"),
    Activity.EMAIL_CHANGED: _l("The e-mail address was changed"),
    Activity.EMAIL_RESTORED: _l("The account was given back to a former address"),
    Activity.LINK_OPENED_ELSEWHERE: _l("A link from our mail was opened, and nothing came of it"),
    Activity.SIGNED_IN: _l("Signed in"),
    Activity.SIGN_IN_REFUSED: _l("A sign-in was refused"),
    Activity.PASSWORD_CONFIRMED: _l("The password was entered once more"),
    Activity.SIGNED_OUT: _l("Signed out"),
    Activity.SIGNED_OUT_ELSEWHERE: _l("Another device was signed out"),
    Activity.SIGNED_OUT_BY_OPERATOR: _l("Signed out everywhere by whoever runs this site"),
    Activity.ACCOUNT_DISABLED: _l("Account disabled by whoever runs this site"),
    Activity.ACCOUNT_ENABLED: _l("Account enabled by whoever runs this site"),
    Activity.REUSE_SEEN: _l("A copy of a session turned up, so the session was ended"),
    Activity.ACCOUNT_FROZEN: _l("The account was frozen"),
    Activity.ACCOUNT_CLOSED: _l("The account was closed, to be deleted"),
    Activity.ACCOUNT_KEPT: _l("The account was kept after all"),
    Activity.DATA_DOWNLOADED: _l("The data of the account was downloaded"),
    Activity.API_TOKEN_MADE: _l("An API token was made"),
    Activity.API_TOKEN_ROTATED: _l("An API token was replaced by a new one"),
    Activity.API_TOKEN_REVOKED: _l("An API token was revoked"),
    Activity.API_TOKEN_LEAKED: _l("An API token had leaked and was revoked"),
    Activity.PASSWORD_CHANGED: _l("The password was changed"),
    Activity.PASSWORD_RESET_ASKED: _l("A link to choose a new password was asked for"),
    Activity.PASSWORD_RESET: _l("A new password was chosen by a mailed link"),
    Activity.PHONE_VERIFIED: _l("A phone number was added"),
    Activity.PHONE_CHANGED: _l("The phone number was changed"),
    Activity.PHONE_REMOVED: _l("The phone number was removed"),
}
"""Every activity has words, even one that is noted no more: old events stand for a year."""

DETAILS: Final[dict[str, LazyString]] = {
    "name": _l("Name"),
    "email": _l("E-mail address"),
    "phone": _l("Phone number"),
    "instead_of": _l("Instead of"),
    "purpose": _l("The link was"),
    "program": _l("The other device's browser"),
    "system": _l("Its system"),
}

PURPOSES: Final[dict[str, LazyString]] = {
    VerificationType.EMAIL_VERIFICATION: _l("to verify an e-mail address"),
    VerificationType.PHONE_VERIFICATION: _l("to verify a phone number"),
    VerificationType.EMAIL_CHANGE: _l("to verify a new e-mail address"),
    VerificationType.PASSWORD_RESET: _l("to choose a new password"),
    VerificationType.NOT_ME: _l("to freeze the account"),
    VerificationType.KEEP_ACCOUNT: _l("to keep the account"),
}


@activity.get("")
def show() -> ResponseReturnValue:
    """List what happened, newest first, a page at a time."""
    before = _id(request.args.get("before"))
    return render_template(
        "activity/show.html",
        happened=service.list_page(g.identity.user_id, before=before),
        is_latest=before is None,
        words=WORDS,
        details_of=details_of,
    )


def details_of(event: ActivityEvent) -> list[tuple[LazyString, str]]:
    """Return what else is known of an event, each with what it is called."""
    told = [(DETAILS[name], value) for name, value in event.details.items() if name in DETAILS]
    if "program" in event.details:
        other = Device(event.details["program"], event.details.get("system", ""))
        told.append((_l("Device"), for_device(other)))
    return [(name, str(PURPOSES.get(value, value))) for name, value in told]


def _id(value: str | None) -> UUID | None:
    try:
        return UUID(value) if value else None
    except ValueError:
        raise NotFound("no such event") from None
