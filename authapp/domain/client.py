"""The client that sent a request."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

UNKNOWN: Final = "unknown"
"""The address of every client whose address cannot be read; they share all limits."""

WEB: Final = "web"
"""The `client_id` of a browser on the pages of this site."""

API: Final = "api"
"""The `client_id` of a program that calls the API."""

# Azure, IIS and HAProxy can send a port too, which changes with each connection.
_WITH_PORT: Final = re.compile(
    r"(?: \[ (?P<v6>[^\[\]]+) \] | (?P<v4>[0-9.]+) ) (?: : [0-9]{0,5} )?", re.VERBOSE
)


@dataclass(frozen=True)
class Client:
    """A client's network address and user agent, and its `client_id` (RFC 9068): WEB or API."""

    address: str
    user_agent: str
    id: str = WEB

    @property
    def network(self) -> str:
        """The unit of limits on clients: an IPv4 address, or the /64 that one IPv6 host has."""
        return _network(self.address, 32, 64)

    @property
    def site(self) -> str:
        """The /24 or /48 around the client, in which one site may have many networks."""
        return _network(self.address, 24, 48)


@lru_cache(maxsize=1024)
def parse_address(text: str) -> str | None:
    """Return an IP address in its usual form, without a port or zone; None if it is not one."""
    with_port = _WITH_PORT.fullmatch(text.strip())
    address = (with_port["v6"] or with_port["v4"]) if with_port else text.strip()
    parsed = _parse(address.partition("%")[0])
    return str(parsed) if parsed else None


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def _network(address: str, ipv4_bits: int, ipv6_bits: int) -> str:
    parsed = _parse(address)
    if parsed is None:
        return address
    bits = ipv4_bits if isinstance(parsed, IPv4Address) else ipv6_bits
    network = ip_network((parsed, bits), strict=False)
    return str(parsed) if network.num_addresses == 1 else str(network)
