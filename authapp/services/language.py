"""The language of an account: its owner gets emails and text messages in it."""

from uuid import UUID

from sqlalchemy import select, update

from authapp.models import User, db
from authapp.models.transaction import transaction


def get_language(user_id: UUID) -> str | None:
    """Return the tag of an account's language, such as `de-AT`; None if none was chosen."""
    return db.session.scalar(select(User.language).where(User.id == user_id))


def choose(user_id: UUID, tag: str) -> None:
    """Set an account's language."""
    with transaction():
        db.session.execute(update(User).where(User.id == user_id).values(language=tag))
