"""A message of the outbox in the output of commands, without its content."""

from typing import Any, Final

from authapp import clock
from authapp.models import OutboxMessage

_TIME: Final = "%Y-%m-%d %H:%M:%S"


def document(message: OutboxMessage) -> dict[str, Any]:
    """Return a message for programs."""
    return {
        "id": str(message.id),
        "created_at": message.created_at.isoformat(timespec="seconds"),
        "channel": message.channel,
        "message": message.message,
        "recipient": message.recipient,
        "state": _state(message),
        "attempts": message.attempts,
        "last_error": message.last_error,
    }


def row(message: OutboxMessage) -> str:
    """Return one line, with the printable characters of the server's response."""
    created = f"{message.created_at:{_TIME}}"
    tries = f"tries {message.attempts}"
    head = f"{message.id}  {created}  {message.channel:4}  {message.message}  {message.recipient}"
    error = " ".join(
        "".join(c if c.isprintable() else " " for c in message.last_error or "").split()
    )
    return f"{head}  {_state(message)}  {tries}" + (f"  {error}" if error else "")


def _state(message: OutboxMessage) -> str:
    """Return a message's state, and since or until when."""
    if message.sent_at is not None:
        return f"sent {message.sent_at:{_TIME}}"
    if message.dead_at is not None:
        return f"dead {message.dead_at:{_TIME}}"
    if message.claimed_until is not None and message.claimed_until > clock.now():
        return "being sent"
    return f"due {message.due_at:{_TIME}}"
