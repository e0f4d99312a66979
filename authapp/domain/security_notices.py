"""Security emails: what happened, from where, and a link for an owner who did not do it."""

from typing import Any

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import one_time_tokens
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.models import User, VerificationType


def send(
    user: User, message: str, *, client: Client | None, to: str | None = None, **context: Any
) -> None:
    """Add the mail of templates/email/<message>/ to the transaction, with a link of its own.

    The link freezes the account, for whoever did not do what the mail reports; it needs no
    sign-in. `to` is a former address, where the mail must not go to the present one. `client` is
    None for what was not asked for over the network. Source: NIST SP 800-63B-4 section 4.6.
    """
    settings = current_settings()
    to = to or user.email
    value = one_time_tokens.add(
        user, VerificationType.NOT_ME, target=to, lifetime=settings.accounts.not_me_lifetime
    )
    mail.enqueue(
        message,
        to=to,
        user_id=user.id,
        email=user.email,
        not_me_link=f"{settings.deployment.public_url}/not-me/{value}",
        happened_at=clock.now(),
        address=client.address if client else "",
        device=device(client.user_agent) if client else None,
        **context,
    )
