"""Naming devices by their user agent."""

from functools import lru_cache
from typing import NamedTuple

from ua_parser import parse


class Device(NamedTuple):
    """A program and its operating system; each is empty if unknown."""

    program: str
    system: str


@lru_cache(maxsize=1024)
def device(user_agent: str) -> Device:
    """Return the device that a user agent describes.

    It helps users recognize their own devices, and proves nothing: clients can send any value.
    """
    found = parse(user_agent)
    return Device(
        found.user_agent.family if found.user_agent else "",
        found.os.family if found.os else "",
    )
