"""Which email addresses are accepted, and which are equal."""

import pytest

from authapp.domain.email_addresses import email_key, parse_email
from authapp.errors import InputRefused


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "not_an_address"),
        ("nobody", "not_an_address"),
        ("a@b@c.example", "not_an_address"),
        ("a\x00@example.org", "not_an_address"),
        ("a@" + "b." * 200 + "c", "too_long"),
        ("josé@example.org", "not_ascii"),
        ("\ud800@example.org", "not_ascii"),
    ],
)
def test_an_undeliverable_address_is_refused(raw: str, reason: str) -> None:
    with pytest.raises(InputRefused) as refusal:
        parse_email(raw)

    assert refusal.value.reason == reason


@pytest.mark.parametrize("raw", ["Name@Example.ORG", " name@example.org ", "NAME@example.org"])
def test_spellings_of_one_address_are_equal(raw: str) -> None:
    assert email_key(parse_email(raw)) == "name@example.org"


def test_a_domain_may_use_any_script() -> None:
    assert parse_email("name@bücher.example").endswith("@bücher.example")
