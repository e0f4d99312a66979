"""Where webhooks are sent."""

from datetime import datetime

from sqlalchemy import BigInteger, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from authapp import clock
from authapp.models.base import Base, Id


class WebhookEndpoint(Base):
    """A program that receives events; `events` lists their types, and all if it is empty.

    `sequence` is the last entry of the audit log that it was given. The secrets that sign its
    requests are sealed (see `authapp.delivery.webhooks.secrets`); the former one also signs them
    until `former_until`. Nothing is sent before `paused_until`. `failures` counts failed requests
    since the last one that succeeded, of which the first was at `failing_since`. `stopped_because`
    is set if authapp disabled it.
    """

    __tablename__ = "webhook_endpoints"

    id: Mapped[Id]
    url: Mapped[str] = mapped_column(String(2000), unique=True)
    events: Mapped[str] = mapped_column(String(2000), default="")
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    former_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_until: Mapped[datetime | None]
    sequence: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    disabled_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None] = mapped_column(String(20))
    failing_since: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    paused_until: Mapped[datetime | None]
