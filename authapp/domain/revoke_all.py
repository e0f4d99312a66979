"""Revoking everything that is active in an account at once."""

from uuid import UUID

from authapp.domain import api_tokens, one_time_tokens, sessions
from authapp.domain.factors import lost_factors, remembered_devices
from authapp.models import PROTECTIVE_LINKS, EndReason, RevokeReason


def revoke_all(user_id: UUID, reason: EndReason) -> None:
    """End every session, revoke every API token and link, and forget every device.

    Links that protect the account stay valid; an attacker may have requested any
    other link, or the waiting time for a lost second factor. The caller locks the account first
    (`account_status.lock`), so that nothing starts in the meantime.
    """
    sessions.end_all(user_id, reason)
    api_tokens.revoke_all(user_id, RevokeReason(reason))
    remembered_devices.forget(user_id)
    one_time_tokens.void_all(user_id, but=PROTECTIVE_LINKS)
    lost_factors.cancel_and_note(user_id, None)
