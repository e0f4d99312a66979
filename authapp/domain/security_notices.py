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
    """Add the email in templates/email/<message>/ to the transaction, with a "not me" link.

    The link lets an owner who did not do what the email reports freeze the account, without
    signing in. `to` is a former address, for emails that must not go to the current one. `client`
    is None if no request caused the event. Source: NIST SP 800-63B-4 section 4.6.
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
