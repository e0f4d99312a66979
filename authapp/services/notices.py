"""Security mails: what was changed or done, from where, and a way out for whoever did not do it."""

from typing import Any

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.models import User, VerificationType
from authapp.services import verification
from authapp.services.devices import device
from authapp.services.origin import Origin


def send(
    user: User, message: str, *, origin: Origin | None, to: str | None = None, **context: Any
) -> None:
    """Add the mail of templates/email/<message>/ to the transaction, with a link of its own.

    The link freezes the account, for whoever did not do what the mail reports; it needs no
    sign-in. `to` is a former address, where the mail must not go to the present one. `origin` is
    None for what was not asked for over the network. Source: NIST SP 800-63B-4 section 4.6.
    """
    settings = current_settings()
    to = to or user.email
    value = verification.add(
        user, VerificationType.NOT_ME, target=to, lifetime=settings.not_me_lifetime
    )
    mail.enqueue(
        message,
        to=to,
        user_id=user.id,
        email=user.email,
        not_me_link=f"{settings.public_url}/not-me/{value}",
        happened_at=clock.now(),
        address=origin.address if origin else "",
        device=device(origin.user_agent) if origin else None,
        **context,
    )
