"""Ending all that is in use of an account at once."""

from uuid import UUID

from authapp.models import EndReason, RevokeReason
from authapp.services import api_tokens, sessions


def end_everything(user_id: UUID, reason: EndReason) -> None:
    """End every session and revoke every API token, in the caller's transaction.

    The caller takes the account first (`standing.take`), so that nothing begins meanwhile.
    """
    sessions.end_all(user_id, reason)
    api_tokens.revoke_all(user_id, RevokeReason(reason))
