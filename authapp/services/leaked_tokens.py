"""API tokens that leaked: found in text, or reported by anyone."""

from dataclasses import dataclass
from uuid import UUID

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity, api_tokens
from authapp.domain.api_token_rules import end_reason
from authapp.domain.client import Client
from authapp.domain.limits import rate_limits
from authapp.models import Activity, RevokeReason, Token, User, db
from authapp.models.transaction import release_connection, transaction


@dataclass(frozen=True)
class Sighting:
    """A token whose value was found; `end_reason` is None while it is active."""

    id: UUID
    user_id: UUID
    last_four: str
    end_reason: str | None


def look_up(value: str) -> Sighting | None:
    """Return the token with this value, active or not."""
    token = api_tokens.find(value)
    sighting = (
        Sighting(token.id, token.user_id, token.last_four, end_reason(token)) if token else None
    )
    # A scanner that reads a pipe may wait for a long time, and must not hold a connection.
    release_connection()
    return sighting


def report(value: str, *, client: Client) -> None:
    """Revoke a leaked token, and email its owner.

    The result does not reveal whether the value was a token. Raises TooManyAttempts for a client
    that reports too many.
    """
    rate_limits.spend(current_settings().limits.token_reports, client.network)
    revoke(value, RevokeReason.LEAK_REPORTED)


def revoke(value: str, reason: RevokeReason) -> bool:
    """Revoke a leaked token and email its owner; return whether it was active."""
    token = api_tokens.find(value)
    if token is None or end_reason(token) is not None:
        return False
    with transaction():
        if not api_tokens.revoke_where(token.user_id, reason, Token.id == token.id):
            # Another report was faster, and has notified the owner.
            return False
        owner = db.session.get_one(User, token.user_id)
        _notify(owner, token)
        details = {"name": token.name, "token": str(token.id)}
        activity.note(owner.id, Activity.API_TOKEN_LEAKED, None, **details)
    return True


def _notify(owner: User, token: Token) -> None:
    settings = current_settings()
    mail.enqueue(
        "api_token_leaked",
        to=owner.email,
        user_id=owner.id,
        email=owner.email,
        name=token.name,
        shown_as=f"{settings.tokens.api_token_prefix}_…{token.last_four}",
        tokens_link=f"{settings.deployment.public_url}/account/tokens",
    )
