"""Opening an emailed link, which changes nothing: mail scanners open links too."""

from datetime import timedelta
from typing import Final

from authapp.domain import activity, one_time_tokens
from authapp.domain.client import Client
from authapp.domain.emailed_links import Visitor, is_recognized
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.models import Activity, VerificationType
from authapp.models.transaction import transaction
from authapp.token_cache.records import VerificationTokenRecord

NOTED: Final = Limit("opening", most=1, within=timedelta(days=7))
"""Limits the activity entries per link, even if a scanner opens it many times."""


def open_link(value: str, type: VerificationType, visitor: Visitor, *, client: Client) -> bool:
    """Return whether the visitor can use a link without typing its code.

    If not, the opening is recorded in the account's activity. Raises what
    `one_time_tokens.require` raises.
    """
    record = one_time_tokens.require(value, type)
    if is_recognized(record, visitor):
        return True
    _note_elsewhere(record, client)
    return False


def _note_elsewhere(record: VerificationTokenRecord, client: Client) -> None:
    if not rate_limits.allows(NOTED, str(record.id)):
        return
    with transaction():
        activity.note(record.user_id, Activity.LINK_OPENED_ELSEWHERE, client, purpose=record.type)
