"""Single-use links and codes."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id
from authapp.models.changes import CachedRow


class VerificationType(StrEnum):
    """What a link or code is for; it cannot be used for any other purpose."""

    EMAIL_VERIFICATION = "email_verification"
    PHONE_VERIFICATION = "phone_verification"
    PASSWORD_RESET = "password_reset"
    EMAIL_CHANGE = "email_change"
    EMAIL_SIGN_IN = "email_sign_in"
    NOT_ME = "not_me"
    KEEP_ACCOUNT = "keep_account"
    STOP_LOST_FACTOR = "stop_lost_factor"
    INVITATION = "invitation"


PROTECTIVE_LINKS: Final = (VerificationType.NOT_ME, VerificationType.STOP_LOST_FACTOR)
"""Links with which owners protect their account; freezing it does not revoke them."""


class VerificationToken(CachedRow, Base):
    """A link or code that works once, for one purpose, for one address or number (`target`).

    `browser_digest` is a digest of the secret of the browser that requested it, if any, and
    `continue_to` the page of this site that it leads to. The cache does not have the latter.
    """

    __tablename__ = "verification_tokens"
    __table_args__ = (Index(None, "user_id", "type"),)
    owner_columns: ClassVar[tuple[str, ...]] = ("user_id", "type")

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(40))
    target: Mapped[str] = mapped_column(String(320))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    browser_digest: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    continue_to: Mapped[str | None] = mapped_column(String(2000))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
