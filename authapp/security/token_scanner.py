"""API tokens in text of any size and kind, told by their prefix and checksum alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from authapp.security.opaque_tokens import api_token_length, parse_api_token


class Found(NamedTuple):
    """A value with a right checksum, and the line on which it begins, counted from 1."""

    line: int
    value: str


def scan(chunks: Iterable[bytes], prefix: str) -> Iterator[Found]:
    """Yield every token in a stream, in order, while little more than a chunk is held.

    NUL bytes are passed over, so that text in UTF-16 is read as well.
    """
    mark, length = f"{prefix}_".encode(), api_token_length(prefix)
    held, line = b"", 1
    for chunk in chunks:
        held += chunk.translate(None, b"\0")
        seen = 0
        start = held.find(mark)
        while start != -1:
            value = held[start : start + length].decode("latin-1")
            if parse_api_token(prefix, value) is not None:
                line += held.count(b"\n", seen, start)
                seen = start
                yield Found(line, value)
            # What looks like one may end in the beginning of another.
            start = held.find(mark, start + 1)
        # The end may be the beginning of a token: it is looked at again with the next chunk.
        settled = max(0, len(held) - length + 1)
        line += held.count(b"\n", seen, settled)
        held = held[settled:]
