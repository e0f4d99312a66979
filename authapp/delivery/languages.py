"""The language of a message: that of its recipient's account, not that of who caused it."""

from contextlib import AbstractContextManager
from uuid import UUID

from authapp.language import written_in
from authapp.models import User, db


def of_account(user_id: UUID | None) -> AbstractContextManager[None]:
    """Write texts in an account's language, or in DEFAULT_LANGUAGE if it has none."""
    user = db.session.get(User, user_id) if user_id else None
    return written_in(user.language if user else None)
