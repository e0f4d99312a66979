"""The page that lists what happened to the signed-in user's account."""

from typing import Final

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel.speaklater import LazyString

from authapp.domain.devices import Device
from authapp.models import Activity, ActivityEvent, VerificationType
from authapp.services import activity as service
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.ids import parse_optional_id
from authapp.web.messages import for_device

blueprint = Blueprint("activity", __name__, url_prefix="/account/activity")

DESCRIPTIONS: Final[dict[Activity, LazyString]] = {
    Activity.REGISTERED: _l("Account created"),
    Activity.INVITED: _l("An administrator sent an invitation"),
    Activity.INVITATION_ACCEPTED: _l("Invitation accepted, and password chosen"),
    Activity.REGISTERED_AGAIN: _l("Someone tried to register with your email address"),
    Activity.EMAIL_VERIFIED: _l("Email address confirmed"),
    Activity.EMAIL_CHANGE_REQUESTED: _l("Change of email address requested"),
    Activity.EMAIL_CHANGED: _l("Email address changed"),
    Activity.EMAIL_RESTORED: _l("Previous email address restored"),
    Activity.LINK_OPENED_ELSEWHERE: _l("A link from our email was opened, but not used"),
    Activity.SIGNED_IN: _l("Signed in"),
    Activity.SECOND_FACTOR_REFUSED: _l("Someone entered your password, but not the right code"),
    Activity.SECOND_FACTOR_ADDED: _l("Authenticator app added"),
    Activity.SECOND_FACTOR_REPLACED: _l("Authenticator app replaced"),
    Activity.SECOND_FACTOR_REMOVED: _l("Two-step sign-in was turned off"),
    Activity.APP_REMOVED: _l("Authenticator app removed"),
    Activity.RECOVERY_CODE_USED: _l("Someone signed in with a recovery code"),
    Activity.RECOVERY_CODES_RENEWED: _l("The recovery codes were replaced"),
    Activity.LOST_FACTOR_STARTED: _l(
        "Someone with your password asked to turn two-step sign-in off after a waiting time"
    ),
    Activity.LOST_FACTOR_STOPPED: _l("Turning two-step sign-in off was stopped"),
    Activity.DEVICE_REMEMBERED: _l("A device was remembered, so that it needs no second step"),
    Activity.DEVICES_FORGOTTEN: _l("Remembered devices were forgotten"),
    Activity.PASSKEY_ADDED: _l("Passkey added"),
    Activity.PASSKEY_REMOVED: _l("Passkey removed"),
    Activity.PASSKEY_CONFIRMED: _l("Identity confirmed with a passkey"),
    Activity.PASSKEY_COPIED: _l("Someone tried to use a copy of a passkey"),
    Activity.SIGN_IN_CODE_REQUESTED: _l("Sign-in code requested by email"),
    Activity.SIGN_IN_REFUSED: _l("Sign-in failed"),
    Activity.SIGN_IN_BLOCKED: _l(
        "Sign-in on new devices blocked after too many incorrect passwords"
    ),
    Activity.PASSWORD_REFUSED: _l("Incorrect password entered on a signed-in device"),
    Activity.SIGNED_OUT_FOR_GUESSING: _l(
        "Device signed out after too many incorrect passwords or codes"
    ),
    Activity.PASSWORD_CONFIRMED: _l("Password confirmed"),
    Activity.CODE_REFUSED: _l("Incorrect code entered on a signed-in device"),
    Activity.CODE_CONFIRMED: _l("Confirmed with a code from the authenticator app"),
    Activity.SIGNED_OUT: _l("Signed out"),
    Activity.SIGNED_OUT_ELSEWHERE: _l("Another device was signed out"),
    Activity.SIGNED_OUT_BY_OPERATOR: _l("All devices signed out by an administrator"),
    Activity.SIGNED_OUT_OVER_LIMIT: _l("A device was signed out because of too many sign-ins"),
    Activity.ACCOUNT_DISABLED: _l("Account disabled by an administrator"),
    Activity.ACCOUNT_ENABLED: _l("Account enabled by an administrator"),
    Activity.REUSE_SEEN: _l("Session ended because a copy of it was used"),
    Activity.ACCOUNT_FROZEN: _l("Account frozen"),
    Activity.ACCOUNT_CLOSED: _l("Account closed and scheduled for deletion"),
    Activity.ACCOUNT_KEPT: _l("Account deletion canceled"),
    Activity.DATA_DOWNLOADED: _l("Account data downloaded"),
    Activity.API_TOKEN_CREATED: _l("API token created"),
    Activity.API_TOKEN_ROTATED: _l("API token rotated"),
    Activity.API_TOKEN_REVOKED: _l("API token revoked"),
    Activity.API_TOKEN_LEAKED: _l("Leaked API token revoked"),
    Activity.PASSWORD_CHANGED: _l("Password changed"),
    Activity.PASSWORD_RESET_REQUESTED: _l("Password reset requested"),
    Activity.PASSWORD_RESET: _l("Password reset with an emailed link"),
    Activity.SCOPE_GRANTED: _l("An administrator granted a permission for API tokens"),
    Activity.SCOPE_WITHDRAWN: _l("An administrator withdrew a permission for API tokens"),
    Activity.ROLE_GRANTED: _l("An administrator gave the account a role"),
    Activity.ROLE_WITHDRAWN: _l("An administrator took a role away from the account"),
    Activity.PHONE_VERIFIED: _l("Phone number added"),
    Activity.PHONE_CHANGED: _l("Phone number changed"),
    Activity.PHONE_REMOVED: _l("Phone number removed"),
}
"""The text of every activity, even of those no longer recorded: events are stored for a year."""

DETAILS: Final[dict[str, LazyString]] = {
    "name": _l("Name"),
    "scope": _l("Permission"),
    "role": _l("Role"),
    "email": _l("Email address"),
    "phone": _l("Phone number"),
    "instead_of": _l("Previously"),
    "purpose": _l("Purpose of the link"),
    "program": _l("Browser of the other device"),
    "system": _l("Operating system of the other device"),
}

PURPOSES: Final[dict[str, LazyString]] = {
    VerificationType.EMAIL_VERIFICATION: _l("confirm an email address"),
    VerificationType.PHONE_VERIFICATION: _l("confirm a phone number"),
    VerificationType.EMAIL_CHANGE: _l("confirm a new email address"),
    VerificationType.PASSWORD_RESET: _l("reset the password"),
    VerificationType.EMAIL_SIGN_IN: _l("sign in"),
    VerificationType.INVITATION: _l("accept an invitation"),
    VerificationType.NOT_ME: _l("freeze the account"),
    VerificationType.KEEP_ACCOUNT: _l("keep the account"),
    VerificationType.STOP_LOST_FACTOR: _l("keep two-step sign-in on"),
}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List events, newest first, one page at a time."""
    before = request.args.get("before")
    return render_template(
        "activity/show.html",
        happened=service.list_page(g.identity.user_id, before=parse_optional_id(before)),
        is_latest=not before,
        descriptions=DESCRIPTIONS,
        details_of=details_of,
    )


def details_of(event: ActivityEvent) -> list[tuple[LazyString, str]]:
    """Return an event's details as pairs of a label and a text."""
    told = [(DETAILS[name], value) for name, value in event.details.items() if name in DETAILS]
    if "program" in event.details:
        other = Device(event.details["program"], event.details.get("system", ""))
        told.append((_l("Device"), for_device(other)))
    return [(name, str(PURPOSES.get(value, value))) for name, value in told]
