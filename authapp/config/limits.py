"""Limits on attempts: what one is, and how it is written in a setting, such as `10/15m`."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from authapp.config.readers import Refused

Network = IPv4Network | IPv6Network

_MILLISECOND: Final = timedelta(milliseconds=1)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,4})([smhd])")
_LONGEST: Final = timedelta(days=366)


@dataclass(frozen=True)
class Limit:
    """At most `most` attempts at once, and as many again in each period `within`."""

    name: str
    most: int
    within: timedelta

    @property
    def pause_ms(self) -> int:
        return int(self.within / self.most / _MILLISECOND)


def limit(name: str) -> Callable[[str], Limit]:
    """Return a reader of limits such as `10/15m`; attempts are counted under `name`."""

    def read(raw: str) -> Limit:
        found = _RATE.fullmatch(raw)
        if found is None:
            raise Refused("must be a number and a period in s, m, h or d, such as 10/15m")
        within = timedelta(seconds=int(found[2]) * _SECONDS[found[3]])
        parsed = Limit(name, int(found[1]), within)
        if within > _LONGEST or parsed.pause_ms == 0:
            raise Refused("must have a period of at most 366 days, and one attempt per millisecond")
        return parsed

    return read


def networks(raw: str) -> list[Network]:
    """Read comma-separated networks, such as `192.0.2.0/24, 2001:db8::/32`."""
    return [_network(part.strip()) for part in raw.split(",") if part.strip()]


def _network(part: str) -> Network:
    try:
        return ip_network(part)
    except ValueError as error:
        raise Refused(f"must be networks such as 192.0.2.0/24: {error}") from None
