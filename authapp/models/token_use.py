"""When an API token was last used; in its own table, so that a use does not change a cached row."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp.models.base import Base


class TokenUse(Base):
    """A token's last use, updated about once a minute; a token without a row was never used."""

    __tablename__ = "token_uses"

    token_id: Mapped[UUID] = mapped_column(
        ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True
    )
    last_used_at: Mapped[datetime]
    last_used_address: Mapped[str] = mapped_column(String(45))
