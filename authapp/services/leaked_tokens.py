"""API tokens that came to light where they should not be: found in text, or reported by anybody."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.models import Activity, RevokeReason, Token, User, db
from authapp.models.changes import update_where
from authapp.services import activity, api_tokens, attempts
from authapp.services.api_token_rules import why_over
from authapp.services.attempts import Limit
from authapp.services.origin import Origin

REPORTS: Final = Limit("token_report", most=30, within=timedelta(hours=1))


@dataclass(frozen=True)
class Sighting:
    """A token of ours whose value was seen; `over` is why it does not work, if it does not."""

    id: UUID
    user_id: UUID
    last_four: str
    over: str | None


def look_up(value: str) -> Sighting | None:
    """Return the token that a value proves, whether or not it still works."""
    token = api_tokens.find(value)
    sighting = (
        Sighting(token.id, token.user_id, token.last_four, why_over(token)) if token else None
    )
    # Whoever scans a pipe may wait long for more of it, and must not hold a transaction.
    db.session.rollback()
    return sighting


def report(value: str, *, origin: Origin) -> None:
    """Revoke a token that somebody has come across, and mail its owner.

    Says nothing of what the value was. Raises TooManyAttempts for a client that reports too many.
    """
    attempts.spend(REPORTS, origin.network)
    revoke(value, RevokeReason.LEAK_REPORTED)


def revoke(value: str, reason: RevokeReason) -> bool:
    """Revoke a token that leaked, mail its owner, and tell whether it worked until now."""
    token = api_tokens.find(value)
    if token is None or why_over(token) is not None:
        return False
    id, owner = token.id, db.session.get_one(User, token.user_id)
    if not update_where(
        Token,
        Token.id == id,
        Token.revoked_at.is_(None),
        revoked_at=clock.now(),
        revoke_reason=reason,
    ):
        # Somebody else was faster, and has told the owner.
        db.session.rollback()
        return False
    _tell(owner, token)
    activity.note(owner.id, Activity.API_TOKEN_LEAKED, None, name=token.name)
    db.session.commit()
    return True


def _tell(owner: User, token: Token) -> None:
    settings = current_settings()
    mail.enqueue(
        "api_token_leaked",
        to=owner.email,
        user_id=owner.id,
        email=owner.email,
        name=token.name,
        shown_as=f"{settings.api_token_prefix}_…{token.last_four}",
        tokens_link=f"{settings.public_url}/account/tokens",
    )
