"""Which entries of the audit log become events for other programs, and what they contain."""

from typing import Any, Final
from uuid import UUID

from authapp.delivery.webhooks import Event, as_body
from authapp.domain import session_events
from authapp.models import Activity, AuditEntry

TEST: Final = "webhook.test"

TYPES: Final[dict[str, str]] = {
    Activity.REGISTERED: "account.registered",
    Activity.INVITED: "account.invited",
    Activity.INVITATION_ACCEPTED: "account.invitation_accepted",
    Activity.EMAIL_VERIFIED: "account.email_verified",
    Activity.EMAIL_CHANGED: "account.email_changed",
    Activity.EMAIL_RESTORED: "account.email_restored",
    Activity.PHONE_VERIFIED: "account.phone_verified",
    Activity.PHONE_CHANGED: "account.phone_changed",
    Activity.PHONE_REMOVED: "account.phone_removed",
    Activity.PASSWORD_CHANGED: "account.password_changed",
    Activity.PASSWORD_RESET: "account.password_reset",
    Activity.ROLE_GRANTED: "account.role_granted",
    Activity.ROLE_WITHDRAWN: "account.role_withdrawn",
    Activity.ACCOUNT_DISABLED: "account.disabled",
    Activity.ACCOUNT_ENABLED: "account.enabled",
    Activity.ACCOUNT_FROZEN: "account.frozen",
    Activity.ACCOUNT_CLOSED: "account.closed",
    Activity.ACCOUNT_KEPT: "account.kept",
    "account_deleted": "account.deleted",
    Activity.SECOND_FACTOR_ADDED: "second_factor.added",
    Activity.SECOND_FACTOR_REPLACED: "second_factor.replaced",
    Activity.SECOND_FACTOR_REMOVED: "second_factor.removed",
    Activity.APP_REMOVED: "second_factor.app_removed",
    Activity.PASSKEY_ADDED: "second_factor.passkey_added",
    Activity.PASSKEY_REMOVED: "second_factor.passkey_removed",
    Activity.RECOVERY_CODES_RENEWED: "second_factor.recovery_codes_renewed",
    Activity.API_TOKEN_CREATED: "api_token.created",
    Activity.API_TOKEN_ROTATED: "api_token.rotated",
    Activity.API_TOKEN_REVOKED: "api_token.revoked",
    Activity.API_TOKEN_LEAKED: "api_token.leaked",
    session_events.STARTED: "session.started",
    session_events.ENDED: "session.ended",
}
"""The type of the event for each action; other actions have no event."""

_DETAILS: Final = {
    "session": "session_id",
    "token": "api_token_id",
    "replaced_by": "replaced_by",
    "reason": "reason",
    "role": "role",
}
"""The details that are sent, and their names in the event."""


def of_entry(entry: AuditEntry) -> Event | None:
    """Return the event of an entry of the audit log, if it is one.

    It has ids only, never names or addresses: programs that may know those ask the API.
    """
    type = TYPES.get(entry.action)
    if type is None:
        return None
    data: dict[str, Any] = {
        "account_id": str(entry.account_id) if entry.account_id else None,
        "actor": entry.actor.partition(":")[0],
    }
    data |= {name: entry.details[key] for key, name in _DETAILS.items() if key in entry.details}
    timestamp = entry.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = as_body({"type": type, "timestamp": timestamp, "data": data})
    return Event(entry.id, type, body)


def matches(type: str, chosen: str) -> bool:
    """Return whether an event is among those chosen: types separated by spaces; none means all."""
    return not chosen or type in chosen.split()


def endpoint_test(id: UUID, timestamp: str) -> Event:
    """Return the event with which an operator tests an endpoint."""
    document = {"type": TEST, "timestamp": timestamp, "data": {}}
    return Event(id, TEST, as_body(document))
