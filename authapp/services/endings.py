"""Ending all that is in use of an account at once."""

from uuid import UUID

from authapp.models import WAYS_BACK, EndReason, RevokeReason
from authapp.services import api_tokens, sessions, verification


def end_everything(user_id: UUID, reason: EndReason) -> None:
    """End every session, revoke every API token and void links, in the caller's transaction.

    Links too are what a thief may have asked for; those that give the account back go on. The
    caller takes the account first (`standing.take`), so that nothing begins meanwhile.
    """
    sessions.end_all(user_id, reason)
    api_tokens.revoke_all(user_id, RevokeReason(reason))
    verification.void_all(user_id, but=WAYS_BACK)
