"""Networks whose clients have no limits of their own."""

from ipaddress import ip_address

from authapp.config import current_settings
from authapp.domain.client import Client
from authapp.domain.limits.rate_limits import Count


def unless_trusted(client: Client, *counts: Count) -> list[Count]:
    """Return what an attempt of a client counts against; nothing in one of TRUSTED_NETWORKS."""
    return [] if is_trusted(client) else list(counts)


def is_trusted(client: Client) -> bool:
    """Return whether the client is in one of TRUSTED_NETWORKS."""
    try:
        address = ip_address(client.address)
    except ValueError:
        return False
    return any(address in network for network in current_settings().limits.trusted_networks)
