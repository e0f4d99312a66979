"""Reading a file of accounts line by line: CSV with a header, or JSON lines.

A line is one record, and at most MAX_BYTES are kept of it, so neither a huge file nor a huge line
takes memory. A line that cannot be read does not affect the others.
"""

import csv
from collections.abc import Callable, Iterator
from typing import IO, Any, Final, NamedTuple

import msgspec

from authapp.domain.imported_accounts import Record, RecordRefused, field_of, with_our_names

MAX_BYTES: Final = 64 * 1024
DELIMITERS: Final = (",", ";", "\t")

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """The whole file cannot be read; the message says why."""


class Line(NamedTuple):
    """One line: its number, its size in the file, and its record or why it has none."""

    number: int
    size: int
    record: Record | RecordRefused


def read_csv(file: IO[bytes]) -> tuple[list[str], Iterator[Line]]:
    """Return the columns that are not imported, and the lines after the header."""
    raw = _raw_lines(file)
    number, _, content = next(raw, (1, 0, b""))
    try:
        header = _text(content)
    except RecordRefused as error:
        raise Unreadable(f"the header, line {number}, cannot be read: {error}") from None
    delimiter = max(DELIMITERS, key=header.count)
    columns = _cells(header, delimiter)
    fields = [field_of(name) for name in columns]
    if "email" not in fields:
        raise Unreadable("the first line has no column `email`: it must be a header")
    ignored = [name for name, field in zip(columns, fields, strict=True) if field is None]
    return ignored, _lines(raw, lambda text: _csv_record(text, columns, delimiter))


def read_json_lines(file: IO[bytes]) -> Iterator[Line]:
    """Return the lines of a file with one JSON object in each."""
    return _lines(_raw_lines(file), _json_record)


def _lines(raw: Iterator[tuple[int, int, bytes]], parse: Callable[[str], Record]) -> Iterator[Line]:
    for number, size, content in raw:
        try:
            text = _text(content)
            if text.strip():
                yield Line(number, size, parse(text))
        except RecordRefused as error:
            yield Line(number, size, error)


def _raw_lines(file: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Yield each line's number, size and first MAX_BYTES + 1 bytes."""
    number = 0
    while content := file.readline(MAX_BYTES + 1):
        number += 1
        size, last = len(content), content
        while not last.endswith(b"\n") and (last := file.readline(MAX_BYTES)):
            size += len(last)
        if number == 1:
            content = content.removeprefix(_BYTE_ORDER_MARK)
        yield number, size, content


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise RecordRefused(f"the line is longer than {MAX_BYTES} bytes")
    try:
        text = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise RecordRefused("the line is not UTF-8") from None
    if "\0" in text:
        raise RecordRefused("the line contains a NUL")
    return text


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error:
        raise RecordRefused("a quote is not closed, or is inside a value") from None


def _csv_record(text: str, columns: list[str], delimiter: str) -> Record:
    cells = _cells(text, delimiter)
    if len(cells) != len(columns):
        raise RecordRefused(f"the line has {len(cells)} values, and the header {len(columns)}")
    return with_our_names(dict(zip(columns, cells, strict=True)))


def _json_record(text: str) -> Record:
    try:
        found: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise RecordRefused("the line is not JSON") from None
    if not isinstance(found, dict):
        raise RecordRefused("the line is not a JSON object")
    return with_our_names(found)
