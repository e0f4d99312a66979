"""A person's account as they see it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authapp.errors import NotFound
from authapp.models import User, db


@dataclass(frozen=True)
class Account:
    """What an account page shows."""

    id: UUID
    email: str
    email_verified_at: datetime | None
    phone: str | None
    phone_verified_at: datetime | None
    created_at: datetime


def get_account(user_id: UUID) -> Account:
    """Return an account; raises NotFound for one that is gone."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound("no such account")
    return Account(
        id=user.id,
        email=user.email,
        email_verified_at=user.email_verified_at,
        phone=user.phone,
        phone_verified_at=user.phone_verified_at,
        created_at=user.created_at,
    )
