"""Codes of authenticator apps, against the vectors of RFC 6238, and recovery codes."""

from datetime import UTC, datetime, timedelta

import pytest

from authapp.security import recovery_codes, totp

SECRET = b"12345678901234567890"


# RFC 6238 appendix B has eight digits; apps show the last six.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_a_code_of_the_standard_belongs_to_its_time_step(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)

    assert totp.find_step(SECRET, code, now) == seconds // 30


@pytest.mark.parametrize(
    ("drift", "is_found"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_clock_may_differ_by_one_step(drift: int, is_found: bool) -> None:
    now = datetime.fromtimestamp(1_111_111_111, UTC) + timedelta(seconds=drift)

    assert (totp.find_step(SECRET, "050471", now) is not None) == is_found


def test_a_recovery_code_is_read_as_people_type_it() -> None:
    typed = "  O1LI0-ABCDE "

    assert recovery_codes.read(typed) == "01110abcde"
    assert recovery_codes.read("\uff10\uff11\uff11\uff11\uff10abc de") == "01110abcde"


@pytest.mark.parametrize("typed", ["", "123456", "0111uabcde", "01110-abcdef", "\ud800" * 10])
def test_other_text_is_not_a_recovery_code(typed: str) -> None:
    assert recovery_codes.read(typed) is None


def test_recovery_codes_differ_and_are_read_back() -> None:
    codes = {recovery_codes.new_code() for _ in range(100)}

    assert len(codes) == 100
    assert {recovery_codes.read(recovery_codes.as_text(code)) for code in codes} == codes


def test_a_digest_depends_on_the_code_and_the_account() -> None:
    digests = {
        recovery_codes.digest(code, salt=salt)
        for code in ("01110abcde", "01110abcdf")
        for salt in (b"a" * 16, b"b" * 16)
    }

    assert len(digests) == 4
