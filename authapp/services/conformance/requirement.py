"""What a requirement is: a source, a test, and what in a deployment's settings can break it."""

from collections.abc import Callable
from typing import NamedTuple

from authapp.config import Settings


def met(_settings: Settings) -> str:
    """No setting can break the requirement."""
    return ""


class Requirement(NamedTuple):
    """One requirement: where it is from, what it asks for, and the test that shows it.

    `gap` returns why a deployment's settings do not meet it, or an empty string.
    """

    source: str
    text: str
    test: str
    gap: Callable[[Settings], str] = met
