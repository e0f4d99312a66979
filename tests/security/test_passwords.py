"""Which passwords are accepted, and that the time of a check reveals nothing."""

import time
from collections.abc import Callable

import pytest

from authapp.security.passwords import (
    MAX_CHARACTERS,
    hash_password,
    needs_rehash,
    score,
    verify_password,
    weakness,
)

pytestmark = pytest.mark.real_passwords


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "too_short"),
        ("x" * (MAX_CHARACTERS + 1), "too_long"),
        ("aaaaaaaaaaaaaaaaaaaa", "too_common"),
        ("passwordpassword", "too_common"),
        ("somebody@example.org", "too_guessable"),
        ("four unrelated words together", None),
        ("ein ganz anderes langes Wort", None),
        ("x" * 60 + "\ud800 \x00 and any bytes at all", None),
        ("пароль из нескольких слов", None),
    ],
)
def test_only_guessable_passwords_are_refused(password: str, reason: str | None) -> None:
    assert weakness(password, least=15, context=["somebody@example.org"]) == reason


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "CorrectHorseBatteryStaple1",
        "!QAZ2wsx#EDC4rfv",
        "1qaz!QAZ2wsx@WSX",
        "Password123456789",
        "qwertyuiop1234567890",
        "123456789012345",
        "1q2w3e4r5t6y7u8i",
        "To be or not to be",
        "May the Force be with you!",
        "thisismypassword1",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff4412345678",
    ],
)
def test_a_common_password_is_refused_however_it_is_spelled(password: str) -> None:
    assert weakness(password, least=15, context=[]) == "too_common"


@pytest.mark.parametrize(
    "password",
    [
        "Winter2026Winter!",
        "Welcome2026Welcome!",
        "changeme123changeme",
        "november2025november",
        "authapp authapp authapp",
        "SomebodyExample2026",
        "somebody@example.org1",
        "somebodysomebody",
    ],
)
def test_repeated_and_personal_parts_do_not_count(password: str) -> None:
    context = ["somebody@example.org", "authapp"]

    assert weakness(password, least=15, context=context) == "too_guessable"


@pytest.mark.parametrize(
    "password", ["four words", "é\ud800\x00", "x" * MAX_CHARACTERS, " spaces "]
)
def test_a_password_verifies_only_exactly_as_set(password: str) -> None:
    kept = hash_password(password)

    assert kept.startswith("$argon2id$")
    assert verify_password(kept, password)
    assert not verify_password(kept, password[:-1])
    assert not needs_rehash(kept, password)


def test_unicode_spellings_of_a_password_are_equal() -> None:
    assert verify_password(hash_password("e\u0301t\u00e9"), "\u00e9te\u0301")


def test_a_missing_or_invalid_hash_verifies_no_password() -> None:
    assert not verify_password(None, "the password of nobody at all")
    assert not verify_password("not a hash", "x")


WORST = {
    "marks out of order": "a" + "\u0315" * 60_000 + "\u0300" * 60_000,
    "ligatures that expand": "\ufdfa" * 100_000,
    "substitutes for letters": "4@8({[<369&6!1|7+0$5%2" * 4,
    "many substitutes": "4@8({[<369&6!1|7+0$5%2" * 5_000,
    "a random password": "x9!Kq2$Lm5%Rt8&Ww7(Zp3)Nb6=Vc4?Gf1@Hj0+Dk5#Ya8*Se2;Ou9:Ti7<Qr6>Ml3-Xz",
    "repetitions": "ab" * 50_000,
    "dates": "1.1.2020 " * 10_000,
}


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the least CPU time of three calls."""
    times = []
    for _ in range(3):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize("worst", WORST)
def test_the_worst_passwords_take_little_longer_to_check(worst: str) -> None:
    harmless = "several other words in a row, with a few more that make it long"

    def judge(password: str) -> object:
        return (
            weakness(password, least=15, context=[password[:320]]),
            score(password, context=[password[:320]]),
            verify_password(None, password),
        )

    assert cpu_seconds(lambda: judge(WORST[worst])) < 5 * cpu_seconds(lambda: judge(harmless))


def test_a_password_is_not_truncated() -> None:
    kept = hash_password("x" * MAX_CHARACTERS)

    assert not verify_password(kept, "x" * MAX_CHARACTERS + "y")


@pytest.mark.parametrize(
    ("password", "most"), [("", 0), ("P4$$w0rd!P4$$w0rd!", 1), ("p@$$w0rd1!|(8", 2)]
)
def test_substitutes_for_letters_do_not_hide_a_word(password: str, most: int) -> None:
    assert score(password, context=[]) <= most


def test_a_random_password_with_many_symbols_is_strong() -> None:
    assert score("x9!Kq2$Lm5%Rt8&W", context=[]) == 4
