"""Finding API tokens in text."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authapp.security.opaque_tokens import make_api_token
from authapp.security.token_scanner import Found, scan

# Fixed values, so that every process collects the same tests.
TOKEN, OTHER = (
    make_api_token("aut", UUID(int=n << 100), sha256(b"%d" % n).digest()) for n in (5, 7)
)


def found(*chunks: bytes, prefix: str = "aut") -> list[Found]:
    return list(scan(chunks, prefix))


@pytest.mark.parametrize(
    "text",
    ["{}", "TOKEN={}", '"{}"', "https://x:{}@example.org/", "x{}x", "aut_{}", "{}_", "é{}é"],
)
def test_a_token_is_found_in_any_context(text: str) -> None:
    assert found(text.format(TOKEN).encode()) == [Found(1, TOKEN)]


def test_each_token_is_found_with_its_line() -> None:
    text = f"\n\n{TOKEN} {OTHER}\nnothing\n{TOKEN}\n"

    assert found(text.encode()) == [Found(3, TOKEN), Found(3, OTHER), Found(5, TOKEN)]


def test_a_lookalike_does_not_hide_a_token() -> None:
    lookalike = "aut_" + "x" * 68 + TOKEN

    assert found(lookalike.encode()) == [Found(1, TOKEN)]


@pytest.mark.parametrize(
    "value", [TOKEN[:-1], TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1"), TOKEN.swapcase(), "aut_"]
)
def test_a_mistyped_or_truncated_token_is_not_found(value: str) -> None:
    assert found(value.encode()) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wide_text_is_read_too(encoding: str) -> None:
    assert found(f"a\n{TOKEN}\n".encode(encoding)) == [Found(2, TOKEN)]


def test_arbitrary_bytes_are_skipped() -> None:
    noise = bytes(range(256)) * 40

    assert [each.value for each in found(noise + TOKEN.encode() + noise)] == [TOKEN]


@given(cuts=st.lists(st.integers(0, 400), max_size=8), gap=st.binary(max_size=90))
def test_chunk_boundaries_make_no_difference(cuts: list[int], gap: bytes) -> None:
    text = b"\n" + TOKEN.encode() + gap + b"\naut_" + OTHER.encode() + b"\n" + TOKEN.encode()
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in pairwise(places)]

    assert found(*chunks) == found(text)
    assert [each.value for each in found(text)] == [TOKEN, OTHER, TOKEN]


def test_an_endless_stream_is_scanned_as_it_arrives() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield TOKEN.encode() + b"x" * 100_000 + b"\n"

    lines = scan(endless(), "aut")

    assert [next(lines).line for _ in range(200)] == list(range(1, 201))


def test_a_token_with_another_prefix_is_not_found() -> None:
    assert found(TOKEN.encode(), prefix="oth") == []
