"""Which email addresses are accepted, and which are equal."""

from unicodedata import normalize

import idna
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


SCRIPTS = (
    "bücher.example",
    "straße.example",
    "παράδειγμα.example",
    "пример.example",
    "例え.example",
    "مثال.example",
    "उदाहरण.example",
    "ตัวอย่าง.example",
    "דוגמה.example",
    "ඞබා.example",
)


@pytest.mark.parametrize("domain", SCRIPTS)
def test_a_domain_in_any_script_has_one_key_in_all_spellings(domain: str) -> None:
    ascii_form = idna.encode(domain).decode()
    fullwidth = domain.replace(".", "。")
    spellings = {domain, normalize("NFD", domain), fullwidth, ascii_form, ascii_form.upper()}
    if "ß" not in domain:
        spellings.add(domain.upper())

    keys = {email_key(parse_email(f"Name@{spelling}")) for spelling in spellings}

    assert keys == {f"name@{ascii_form}"}
    assert parse_email(f"name@{ascii_form}") == f"name@{domain}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("u@straße.de", "u@strasse.de"),
        ("u@faß.example", "u@fass.example"),
        ("u@βόλος.example", "u@βόλοσ.example"),
        ("u@\u0131.example", "u@i.example"),
        ("u@apple.example", "u@\u0430pple.example"),
    ],
)
def test_addresses_with_different_mailboxes_have_different_keys(one: str, other: str) -> None:
    assert email_key(parse_email(one)) != email_key(parse_email(other))


@pytest.mark.parametrize("typed", ["", "@", "a", "a@", "a@b@c", "\ud800@\ud800", "a@" + "é" * 999])
def test_what_is_not_an_address_has_a_key_that_can_be_counted(typed: str) -> None:
    assert isinstance(email_key(typed), str)
