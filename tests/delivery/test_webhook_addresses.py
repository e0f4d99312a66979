"""Which addresses are on the internet, including those that an IPv6 address embeds."""

from ipaddress import ip_address

import pytest

from authapp.delivery.webhooks.addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        "::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001:db8::1",
        "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "64:ff9b:1::7f00:1",
        # A local prefix of /48 has the IPv4 address, here 10.0.0.1, before these last 32 bits.
        "64:ff9b:1:a00:0:100:5db8:d70e",
        "2002:a00:1::1", "2002:7f00:1::", "2001:0:a00:1::1",
    ],
)  # fmt: skip
def test_internal_addresses_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(ip_address(address))
