"""Finding API tokens in text of any size, by their prefix and checksum alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from authapp.security.opaque_tokens import api_token_length, parse_api_token


class Found(NamedTuple):
    """A value with a valid checksum, and the line on which it begins, counted from 1."""

    line: int
    value: str


def scan(chunks: Iterable[bytes], prefix: str) -> Iterator[Found]:
    """Yield every token in a stream, in order, with little more than a chunk in memory.

    NUL bytes are skipped, so that tokens in UTF-16 text are found too.
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
            # A false match may contain the start of a token.
            start = held.find(mark, start + 1)
        # The end may be the start of a token: it is scanned again with the next chunk.
        settled = max(0, len(held) - length + 1)
        line += held.count(b"\n", seen, settled)
        held = held[settled:]
