"""What commands print: times, and texts that cannot control the terminal."""

from datetime import datetime


def iso_time(value: datetime | None) -> str | None:
    """Return a time in ISO 8601, to the second."""
    return value.isoformat(timespec="seconds") if value else None


def printable(text: str, *, instead: str = "?") -> str:
    """Return a text with `instead` in place of the characters that could control the terminal."""
    return "".join(letter if letter.isprintable() else instead for letter in text)
