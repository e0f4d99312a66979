"""Phone numbers: which can be verified, and how they are stored and shown."""

from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from authapp.config import current_settings
from authapp.errors import InputRefused

_LONGEST: Final = 100
# In some countries mobile and landline numbers look alike, and only sending a text shows which.
_MOBILE: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
# Texts to these cost extra, and pay an attacker who makes us send many.
_COSTLY: Final = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)


def parse_phone(raw: str, region: str) -> str:
    """Return a number in its stored form (E.164); without a country prefix it is in `region`.

    Raises InputRefused for an invalid number, and for one that cannot be sent text messages.
    """
    number = _read(raw, region)
    if not phonenumbers.is_valid_number(number):
        raise InputRefused("phone", "impossible")
    kind = phonenumbers.number_type(number)
    if kind in _COSTLY:
        raise InputRefused("phone", "costly")
    if kind not in _MOBILE:
        raise InputRefused("phone", "not_mobile")
    if region_of(number) not in served_regions():
        raise InputRefused("phone", "not_served")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def show_phone(phone: str) -> str:
    """Return a stored number in international format."""
    number = phonenumbers.parse(phone)
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def region_of(number: PhoneNumber | str) -> str:
    """Return the two-letter code of a number's country, or an empty string if it has none."""
    parsed = phonenumbers.parse(number) if isinstance(number, str) else number
    return phonenumbers.region_code_for_number(parsed) or ""


def served_regions() -> frozenset[str]:
    """Return the countries whose numbers can be verified."""
    settings = current_settings().sms
    return frozenset(settings.regions or [settings.default_region])


def calling_code(region: str) -> int:
    """Return the prefix of a country's numbers, such as 44."""
    return phonenumbers.country_code_for_region(region)


def _read(raw: str, region: str) -> PhoneNumber:
    try:
        # The library accepts any string, even lone surrogates, which it treats as non-digits.
        return phonenumbers.parse(raw[:_LONGEST], region)
    except NumberParseException as error:
        raise InputRefused("phone", "not_a_number", example=_example(region)) from error


def _example(region: str) -> str:
    """Return an unassigned example number in international format."""
    default = current_settings().sms.default_region
    for each in (region, default):
        number = phonenumbers.example_number_for_type(each, PhoneNumberType.MOBILE)
        if number is not None:
            return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return "+44 7400 123456"
