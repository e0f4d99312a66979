"""Which phone numbers can be verified, in any spelling."""

from collections.abc import Callable

import pytest
from flask import Flask

from authapp.domain.phone_numbers import parse_phone, show_phone
from authapp.errors import ConfigError, InputRefused

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("context"),
]

NUMBERS = {
    "AT": "+436641234567",
    "DE": "+4915123456789",
    "GB": "+447400123456",
    "IT": "+393123456789",
}


@pytest.mark.parametrize(
    ("typed", "region"),
    [
        ("+447400123456", "US"),
        ("07400 123456", "GB"),
        ("(0)7400-123-456", "GB"),
        ("+44 (0) 7400 123456", "DE"),
        ("0044 7400 123456", "DE"),
        ("tel:+44-7400-123456", "GB"),
        ("\uff0b\uff14\uff14 7400 123456", "US"),
        ("\u0660\u0667\u0664\u0660\u0660 123456", "GB"),
        (" +44\u00a07400\u2011123456 ", "FR"),
    ],
)
def test_usual_spellings_of_a_number_are_equal(typed: str, region: str) -> None:
    assert parse_phone(typed, region) == "+447400123456"


def test_a_number_is_shown_in_international_format() -> None:
    assert show_phone("+447400123456") == "+44 7400 123456"
    assert show_phone(parse_phone("312 345 6789", "IT")) == "+39 312 345 6789"


@pytest.mark.parametrize(
    ("typed", "region", "reason"),
    [
        ("", "GB", "not_a_number"),
        ("hello", "GB", "not_a_number"),
        ("\x00\ud800", "GB", "not_a_number"),
        ("07400 123456", "", "not_a_number"),
        ("07400 123456", "nowhere at all", "not_a_number"),
        ("9" * 10_000, "GB", "not_a_number"),
        ("+44 7400 12345", "GB", "impossible"),
        ("+1 555 555 5555", "US", "impossible"),
        ("+999 123456789", "GB", "not_a_number"),
        ("+44 909 879 0000", "GB", "costly"),
        ("+49 180 3 123456", "DE", "costly"),
        ("+44 20 7946 0018", "GB", "not_mobile"),
        ("+1 800 234 5678", "US", "not_mobile"),
        ("+44 56 1234 5678", "GB", "not_mobile"),
        ("+800 1234 5678", "GB", "not_mobile"),
    ],
)
def test_a_number_that_cannot_be_texted_is_refused_with_a_reason(
    typed: str, region: str, reason: str
) -> None:
    with pytest.raises(InputRefused) as refusal:
        parse_phone(typed, region)

    assert (refusal.value.field, refusal.value.reason) == ("phone", reason)


@pytest.mark.parametrize(
    ("regions", "served"),
    [("DE, AT", ["AT", "DE"]), ("", ["GB"]), ("*", ["AT", "DE", "GB", "IT"])],
)
def test_only_the_chosen_countries_are_served(
    make_app: Callable[..., Flask], regions: str, served: list[str]
) -> None:
    def reason(number: str) -> str:
        try:
            return "" if parse_phone(number, "") == number else "changed"
        except InputRefused as refusal:
            return refusal.reason

    with make_app(PHONE_REGIONS=regions).app_context():
        reasons = {country: reason(number) for country, number in NUMBERS.items()}

    expected = {country: "" if country in served else "not_served" for country in NUMBERS}
    assert reasons == expected


@pytest.mark.parametrize("value", ["gb", "XX", "GB,XX", "GB,*", "**", "\x00"])
def test_an_unknown_country_prevents_startup(make_app: Callable[..., Flask], value: str) -> None:
    with pytest.raises(ConfigError, match="PHONE_REGIONS"):
        make_app(PHONE_REGIONS=value)
