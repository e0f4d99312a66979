"""Codes for people to type."""

from collections import Counter
from uuid import UUID, uuid4

import pytest

from authapp.security.codes import bind_code, is_bound, is_code, make_code, read_code

KEY, FORMER = b"k" * 32, b"f" * 32
ID = UUID(int=1)


def test_a_code_is_six_digits_and_always_the_same() -> None:
    codes = {make_code(KEY, ID) for _ in range(3)}

    assert len(codes) == 1
    assert all(len(code) == 6 and code.isdecimal() for code in codes)


def test_another_row_or_key_yields_another_code() -> None:
    codes = Counter(make_code(key, uuid4()) for key in (KEY, FORMER) for _ in range(500))

    assert codes.most_common(1)[0][1] <= 3


def test_leading_zeros_are_kept() -> None:
    codes = [make_code(KEY, UUID(int=number)) for number in range(200)]

    assert any(code.startswith("0") for code in codes)
    assert {len(code) for code in codes} == {6}


def test_a_code_from_a_former_key_is_still_accepted() -> None:
    code = make_code(FORMER, ID)

    assert is_code([KEY, FORMER], ID, code)
    assert not is_code([KEY], ID, code)
    assert not is_code([KEY, FORMER], uuid4(), code)


@pytest.mark.parametrize(
    "typed", ["012345", " 012 345 ", "012-345", "012\u2013345", "012\u00a0345\n", "01.23.45",
              "\u0660\u0661\u0662\u0663\u0664\u0665", "\uff10\uff11\uff12\uff13\uff14\uff15"],
)  # fmt: skip
def test_usual_spellings_of_a_code_are_read(typed: str) -> None:
    assert read_code(typed) == "012345"


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345a", "abcdef", "\x00" * 6, "\ud800" * 6, "\u00b2" * 7,
              "+12345", "1e2345", "123456" * 100],
)  # fmt: skip
def test_other_text_is_not_read_as_a_code(typed: str) -> None:
    assert read_code(typed) is None


def test_a_stored_code_is_bound_to_its_account_purpose_and_number() -> None:
    bound = {"user_id": ID, "purpose": "phone_verification", "target": "+447400123456"}
    kept = bind_code(KEY, "012345", **bound)

    assert is_bound(KEY, "012345", kept, **bound)
    assert not is_bound(KEY, "012346", kept, **bound)
    assert not is_bound(FORMER, "012345", kept, **bound)
    for other in (
        {"user_id": UUID(int=2)},
        {"purpose": "email_verification"},
        {"target": "+447400123457"},
    ):
        assert not is_bound(KEY, "012345", kept, **{**bound, **other})
