"""When an API token was last used: apart from the token, so that no use touches a cached row."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp.models.base import Base


class TokenUse(Base):
    """A token's last use, as of the latest minute; no row means that it was never used."""

    __tablename__ = "token_uses"

    token_id: Mapped[UUID] = mapped_column(
        ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True
    )
    last_used_at: Mapped[datetime]
    last_used_address: Mapped[str] = mapped_column(String(45))
