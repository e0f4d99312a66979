"""Ending all that is in use of an account at once."""

from uuid import UUID

from authapp import clock
from authapp.models import EndReason, RefreshToken, RevokeReason
from authapp.models.changes import update_where
from authapp.services import api_tokens


def end_everything(user_id: UUID, reason: EndReason) -> None:
    """End every session and revoke every API token, in the caller's transaction.

    The caller takes the account first (`standing.take`), so that nothing begins meanwhile.
    """
    update_where(
        RefreshToken,
        RefreshToken.user_id == user_id,
        RefreshToken.ended_at.is_(None),
        ended_at=clock.now(),
        end_reason=reason,
    )
    api_tokens.revoke_all(user_id, RevokeReason(reason))
