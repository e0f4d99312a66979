"""Phone numbers: which can be verified, and how each is kept and shown."""

from typing import Final

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from authapp.config import current_settings
from authapp.errors import InputRefused

_LONGEST: Final = 100
# Where a country's numbers do not tell the two apart, the text itself will.
_MOBILE: Final = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)
# What costs its owner's caller more than a message should, and so pays whoever makes us send many.
_COSTLY: Final = (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST)


def parse_phone(raw: str, region: str) -> str:
    """Return a number as it is kept (E.164); one without a country's prefix is of `region`.

    Raises InputRefused for what is no number, and for numbers that get no text messages.
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
    """Return a kept number as people write it to those abroad."""
    kept = phonenumbers.parse(phone)
    return phonenumbers.format_number(kept, PhoneNumberFormat.INTERNATIONAL)


def region_of(number: PhoneNumber | str) -> str:
    """Return the country that a number is of, as two letters; empty for one of no country."""
    parsed = phonenumbers.parse(number) if isinstance(number, str) else number
    return phonenumbers.region_code_for_number(parsed) or ""


def served_regions() -> frozenset[str]:
    """Return the countries whose numbers can be verified here."""
    return frozenset(current_settings().sms.regions) or frozenset(phonenumbers.SUPPORTED_REGIONS)


def calling_code(region: str) -> int:
    """Return the prefix of a country's numbers, such as 44."""
    return phonenumbers.country_code_for_region(region)


def _read(raw: str, region: str) -> PhoneNumber:
    try:
        # The library reads lone surrogates and the like as what they are: no digits.
        return phonenumbers.parse(raw[:_LONGEST], region)
    except NumberParseException as error:
        raise InputRefused("phone", "not_a_number", example=_example(region)) from error


def _example(region: str) -> str:
    """Return an example number that belongs to no one, as people write it."""
    default = current_settings().sms.default_region
    for each in (region, default):
        number = phonenumbers.example_number_for_type(each, PhoneNumberType.MOBILE)
        if number is not None:
            return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    return "+44 7400 123456"
