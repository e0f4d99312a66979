"""What a password may be, and that checking one tells nothing by its time."""

import pytest

from authapp.security.passwords import (
    LONGEST,
    hash_password,
    needs_rehash,
    verify_password,
    weakness,
)

pytestmark = pytest.mark.real_passwords


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "too_short"),
        ("x" * (LONGEST + 1), "too_long"),
        ("aaaaaaaaaaaaaaaaaaaa", "too_guessable"),
        ("passwordpassword", "too_guessable"),
        ("somebody@example.org", "too_guessable"),
        ("four unrelated words together", None),
        ("ein ganz anderes langes Wort", None),
        ("x" * 60 + "\ud800 \x00 and any bytes at all", None),
        ("пароль из нескольких слов", None),
    ],
)
def test_only_what_is_easy_to_guess_is_refused(password: str, reason: str | None) -> None:
    assert weakness(password, least=15, context=["somebody@example.org"]) == reason


@pytest.mark.parametrize("password", ["four words", "é\ud800\x00", "x" * LONGEST, " spaces "])
def test_a_password_verifies_as_it_was_set(password: str) -> None:
    kept = hash_password(password)

    assert kept.startswith("$argon2id$")
    assert verify_password(kept, password)
    assert not verify_password(kept, password[:-1])
    assert not needs_rehash(kept)


def test_spellings_of_one_character_are_one_password() -> None:
    assert verify_password(hash_password("e\u0301t\u00e9"), "\u00e9te\u0301")


def test_nobody_has_no_password() -> None:
    assert not verify_password(None, "the password of nobody at all")
    assert not verify_password("not a hash", "x")
