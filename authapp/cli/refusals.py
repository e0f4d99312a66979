"""What commands say about input that a rule refused; pages and the API have texts of their own."""

from typing import Final

from authapp.errors import InputRefused

_TEXTS: Final = {
    ("email", "not_an_address"): "the email address is not valid",
    ("email", "not_ascii"): "the part of the email address before the @ has letters outside ASCII",
    ("email", "too_long"): "the email address is longer than 254 characters",
    ("url", "malformed"): "the URL is not valid, or has a fragment",
    ("url", "has_password"): "the URL must not contain a user name or a password",
    ("url", "not_https"): "the URL must start with https://; http:// is for this machine only",
    ("event", "unknown"): "there is no such type of event; docs/webhooks.md lists them",
    ("role", "malformed"): "the role is not a name such as admin or billing-support",
    ("phone", "not_a_number"): "the phone number is not valid",
    ("phone", "impossible"): "the phone number does not exist",
    ("phone", "not_mobile"): "the phone number is not that of a mobile phone",
    ("phone", "costly"): "texts to the phone number cost extra",
    ("phone", "not_served"): "the phone number's country is not one of PHONE_REGIONS",
}


def sentence(refusal: InputRefused) -> str:
    """Return why an input was refused, and name it plainly."""
    known = _TEXTS.get((refusal.field, refusal.reason))
    if known is not None:
        return known
    field, reason = (text.replace("_", " ") for text in (refusal.field, refusal.reason))
    return f"the {field} is not acceptable: {reason}"
