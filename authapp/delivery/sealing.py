"""The content of messages, sealed in the database: anyone could use the links and codes in it.

The keys are derived from KEY_ENCRYPTION_KEYS, which are not in the database. Only the worker, which
delivers a message, and the outbox page of development open it.
"""

import json
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import select, update

from authapp.config import current_settings
from authapp.models import OutboxMessage, db
from authapp.security.derivation import derive_key
from authapp.security.sealing import SealBroken, Sealer

# A link's id and secret, of which a server may quote only a part, or a code.
_LINK_SECRET: Final = re.compile(r"\b([\w-]{22})\.[\w-]{43}\b", re.ASCII)
_CODE: Final = re.compile(r"\b(\d{3}) ?(\d{3})\b", re.ASCII)
_HIDDEN: Final = "[hidden]"


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a message says; all of it is secret, because templates decide where a code appears."""

    subject: str = ""
    body: str = ""
    html: str | None = None


@dataclass(frozen=True, kw_only=True)
class OpenMessage(Content):
    """A message that can be sent or shown; its content is empty if it was erased."""

    id: UUID
    channel: str
    recipient: str
    message: str
    created_at: datetime


def seal(message: OutboxMessage, content: Content) -> None:
    """Set the content of a message that has its id; it opens for the same recipient only."""
    plain = json.dumps(asdict(content)).encode()
    message.content_sealed = _sealer().seal(plain, bound_to=_identity(message))


def open_message(message: OutboxMessage) -> OpenMessage:
    """Return a message with its content; raises SealBroken."""
    return with_content(message, _open(message))


def with_content(message: OutboxMessage, content: Content) -> OpenMessage:
    """Return a message with this content."""
    return OpenMessage(
        id=message.id,
        channel=message.channel,
        recipient=message.recipient,
        message=message.message,
        created_at=message.created_at,
        **asdict(content),
    )


def reseal_all() -> int:
    """Seal every message that was not sealed under the first key again; return how many changed.

    Runs in the caller's transaction. Messages that none of the keys opens stay as they are.
    """
    sealed = select(OutboxMessage).where(OutboxMessage.content_sealed.is_not(None))
    rows = db.session.scalars(sealed.execution_options(yield_per=100))
    return sum(_reseal(message) for message in rows)


def hide_secrets(text: str, message: OutboxMessage) -> str:
    """Return a text without the links and codes that it quotes from a message."""
    try:
        content = _open(message)
    except SealBroken:
        return text
    for id in _LINK_SECRET.findall(content.body):
        text = re.sub(rf"{re.escape(id)}[\w.=%-]*", _HIDDEN, text)
    for first, second in _CODE.findall(content.body):
        text = re.sub(rf"\b{first} ?{second}\b", _HIDDEN, text)
    return text


def _open(message: OutboxMessage) -> Content:
    if message.content_sealed is None:
        return Content()
    plain = _sealer().open(message.content_sealed, bound_to=_identity(message))
    return Content(**json.loads(plain))


def _reseal(message: OutboxMessage) -> bool:
    sealer, sealed = _sealer(), message.content_sealed
    if sealed is None or sealer.is_current(sealed):
        return False
    try:
        plain = sealer.open(sealed, bound_to=_identity(message))
    except SealBroken:
        return False
    # A worker may have sent the message since, and erased its content.
    changed = db.session.execute(
        update(OutboxMessage)
        .where(OutboxMessage.id == message.id, OutboxMessage.content_sealed == sealed)
        .values(content_sealed=sealer.seal(plain, bound_to=_identity(message)))
        .returning(OutboxMessage.id)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.all())


def _identity(message: OutboxMessage) -> bytes:
    """Return what content is bound to, so that it cannot be moved or sent to someone else."""
    return f"{message.id} {message.channel} {message.recipient}".encode()


def _sealer() -> Sealer:
    keys = current_settings().secrets.key_encryption_keys
    return Sealer([derive_key(key, "outbox") for key in keys])
