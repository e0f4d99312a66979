"""Ids that browsers send in forms and queries."""

from uuid import UUID

from authapp.errors import NotFound


def parse_id(value: str) -> UUID:
    """Return an id; raises NotFound for any other text."""
    try:
        return UUID(value)
    except ValueError:
        raise NotFound("not an id") from None


def parse_optional_id(value: str | None) -> UUID | None:
    """Return an id, or None if none was sent; raises NotFound for any other text."""
    return parse_id(value) if value else None
