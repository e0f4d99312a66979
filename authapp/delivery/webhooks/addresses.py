"""Which addresses webhooks may be sent to, so that no name leads into the operator's network."""

import socket
import threading
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from queue import Empty, SimpleQueue
from typing import Final

from authapp.config import current_settings
from authapp.delivery.failures import ServerUnavailable

Address = IPv4Address | IPv6Address

_Found = list[str] | OSError | UnicodeError

# RFC 6052: a gateway translates these to the IPv4 address in their last 32 bits.
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")

# RFC 8215: it has an IPv4 address somewhere, and only the network's operator knows where.
_TRANSLATED_LOCALLY: Final = IPv6Network("64:ff9b:1::/48")


def resolve(host: str, port: int, *, only_this_host: bool, ends_at: float) -> list[str]:
    """Return the addresses of a host, all of which may be connected to.

    `only_this_host` allows loopback addresses alone. Raises ServerUnavailable if the name has no
    address, or any that is not allowed: a name that has both is not to be trusted.
    """
    addresses = _look_up(host, port, ends_at)
    for each in addresses:
        address = _reached(ip_address(each))
        if only_this_host and not address.is_loopback:
            raise ServerUnavailable(f"{each} is another host, which needs https://")
        if not is_allowed(address):
            raise ServerUnavailable(f"{each} is not a public address, nor in WEBHOOK_NETWORKS")
    return addresses


def _look_up(host: str, port: int, ends_at: float) -> list[str]:
    """Return the addresses of a host; raises ServerUnavailable if there are none in time.

    The system's resolver takes no time limit, so a thread waits for a name server that is slow.
    """
    answers: SimpleQueue[_Found] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error)
        else:
            answers.put(list(dict.fromkeys(str(each[4][0]) for each in found)))

    threading.Thread(target=ask, name="webhook-resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=max(ends_at - time.monotonic(), 0))
    except Empty:
        raise ServerUnavailable(f"looking up {host} took too long") from None
    if isinstance(answer, Exception):
        raise ServerUnavailable(f"{host} has no address: {answer}") from answer
    return answer


def is_allowed(address: Address) -> bool:
    """Return whether an address is public, or in WEBHOOK_NETWORKS."""
    return is_public(address) or any(
        address in network for network in current_settings().webhooks.networks
    )


def is_public(address: Address) -> bool:
    """Return whether an address, or the IPv4 address that it embeds, is on the internet."""
    reached = _reached(address)
    if reached in _TRANSLATED_LOCALLY:
        return False
    return reached.is_global and not (
        reached.is_multicast or reached.is_reserved or getattr(reached, "is_site_local", False)
    )


def _reached(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address leads to, if it leads to one."""
    if isinstance(address, IPv4Address):
        return address
    if address in _TRANSLATED:
        return IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def first_few(addresses: Sequence[str]) -> Sequence[str]:
    """Return the addresses to try: with more, each would get too little time."""
    return addresses[:4]
