"""The client that sent a request."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_network


@dataclass(frozen=True)
class Client:
    """A client's network address and user agent."""

    address: str
    user_agent: str

    @property
    def network(self) -> str:
        """The unit of limits on clients: an IPv4 address, or the /64 that one IPv6 host has."""
        try:
            address = IPv6Address(self.address)
        except ValueError:
            return self.address
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
