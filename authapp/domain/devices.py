"""What a device is called, from what it says of itself."""

from functools import lru_cache
from typing import NamedTuple

from ua_parser import parse


class Device(NamedTuple):
    """A program and the system that it runs on, each empty where nothing can be told."""

    program: str
    system: str


@lru_cache(maxsize=1024)
def device(user_agent: str) -> Device:
    """Tell a device by its user agent.

    For people to recognise their own devices by; anybody may claim to be any.
    """
    found = parse(user_agent)
    return Device(
        found.user_agent.family if found.user_agent else "",
        found.os.family if found.os else "",
    )
