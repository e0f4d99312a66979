"""Revoking everything that is active in an account at once."""

from uuid import UUID

from authapp.domain import api_tokens, lost_factors, one_time_tokens, sessions
from authapp.models import WAYS_BACK, EndReason, RevokeReason


def revoke_all(user_id: UUID, reason: EndReason) -> None:
    """End every session and revoke every API token and link, in the caller's transaction.

    Links that give the account back to its owner stay valid; an attacker may have requested any
    other link, or the waiting time for a lost second factor. The caller locks the account first
    (`account_status.lock`), so that nothing starts in the meantime.
    """
    sessions.end_all(user_id, reason)
    api_tokens.revoke_all(user_id, RevokeReason(reason))
    one_time_tokens.void_all(user_id, but=WAYS_BACK)
    lost_factors.cancel_and_note(user_id, None)
