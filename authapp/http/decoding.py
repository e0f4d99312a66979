"""Strict decoding of request bodies: nothing is accepted that two parsers could read differently.

Each error says what is wrong, where, and what to send instead.
"""

import codecs
import json
import math
import re
from collections.abc import Collection, Iterable
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import BadRequest

_BYTE_ORDER_MARKS: Final = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MOST_LEVELS: Final = 16
_MOST_VALUES: Final = 1000
_MOST_DIGITS: Final = 100
_MOST_PARAMETERS: Final = 100
_SHOWN_CHARACTERS: Final = 100
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
# Also a string without an end: otherwise, each quote in it would be tried as a beginning.
_JSON_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


class MalformedBody(BadRequest):
    """A body that cannot be decoded; `detail` is for the author of the program that sent it."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def decode_json(data: bytes) -> Any:
    """Return the value of a JSON text.

    Raises MalformedBody for anything but I-JSON: UTF-8 without a byte-order mark, unique names, no
    lone surrogates, finite numbers; and for a text with too many values, or nested too deep.
    Source: RFC 7493.
    """
    text = _json_text(data)
    _require_few_values(text)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        offset = len(text[: error.pos].encode())
        reason = error.msg.removesuffix(" at").rstrip(": ")
        raise MalformedBody(f"The body is not valid JSON. {reason} at byte {offset}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    _check(value, "", _MOST_LEVELS)
    return value


def decode_form(data: bytes, *, repeatable: Collection[str] = ()) -> list[tuple[str, str]]:
    """Return the names and values of an `application/x-www-form-urlencoded` body.

    Raises MalformedBody if they are not UTF-8, or if a name that is not `repeatable` occurs twice.
    Source: RFC 6749 section 3.2, for repeated parameters.
    """
    if data.count(b"&") >= _MOST_PARAMETERS:
        raise MalformedBody(f"The form has more than {_MOST_PARAMETERS} parameters. Send fewer.")
    fields = []
    offset = 0
    for pair in data.split(b"&"):
        name, _, value = pair.partition(b"=")
        if pair:
            decoded = _form_text(name, f"The parameter name at byte {offset}")
            fields.append((decoded, _form_text(value, f"The parameter {_shown(decoded)}")))
        offset += len(pair) + 1
    require_unique((name for name, _ in fields), repeatable=repeatable)
    return fields


def require_unique(names: Iterable[str], *, repeatable: Collection[str] = ()) -> None:
    """Raise MalformedBody if a name of a form that is not `repeatable` occurs twice."""
    seen = set()
    for name in names:
        if name in seen and name not in repeatable:
            raise MalformedBody(f"The parameter {_shown(name)} is repeated. Send it once.")
        seen.add(name)


def decode_utf8(data: bytes) -> str:
    """Return a body's text; raises MalformedBody if it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(
            f"The body is not valid UTF-8 at byte {error.start}. Encode it as UTF-8."
        ) from error


def _json_text(data: bytes) -> str:
    if not data:
        raise MalformedBody("The body is empty. Send a JSON object.")
    if data.startswith(_BYTE_ORDER_MARKS):
        raise MalformedBody(
            "The body starts with a byte-order mark at byte 0. Send JSON as UTF-8 without one."
        )
    # In UTF-16, every second byte of English text is a NUL.
    if (offset := data.find(0)) >= 0:
        raise MalformedBody(f"The body has a NUL at byte {offset}. Send JSON as UTF-8 without any.")
    return decode_utf8(data)


def _require_few_values(text: str) -> None:
    """Raise MalformedBody if a JSON text has many values, each of which costs time to create."""
    outside_strings = _JSON_STRING.sub("", text)
    if sum(map(outside_strings.count, ",[{")) > _MOST_VALUES:
        raise MalformedBody(f"The body has more than {_MOST_VALUES} values. Send fewer.")


def _form_text(encoded: bytes, what: str) -> str:
    try:
        return unquote_to_bytes(encoded.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"{what} is not valid UTF-8. Percent-encode UTF-8.") from error


def _unique(members: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(members)
    if len(value) < len(members):
        seen = set()
        for name, _ in members:
            if name in seen:
                raise MalformedBody(f"The member {_shown(name)} is repeated. Send it once.")
            seen.add(name)
    return value


def _integer(digits: str) -> float:
    """Return an integer; one with too many digits becomes infinity, which `_check` refuses."""
    return int(digits) if len(digits) <= _MOST_DIGITS else math.inf


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer)


def _check(value: Any, where: str, levels: int) -> None:
    """Raise MalformedBody for a value that JSON allows and I-JSON does not."""
    match value:
        case str():
            if _LONE_SURROGATE.search(value):
                raise MalformedBody(
                    f"{_member(where)} contains half of a surrogate pair. Escape both halves."
                )
        case float():
            if not math.isfinite(value):
                raise MalformedBody(
                    f"{_member(where)} is too large, or not a number. Send a finite number."
                )
        case dict():
            _descend(levels, where)
            for name, each in value.items():
                below = f"{where}.{_shown(name)}" if where else _shown(name)
                _check(name, below, levels)
                _check(each, below, levels - 1)
        case list():
            _descend(levels, where)
            for index, each in enumerate(value):
                _check(each, f"{where}[{index}]", levels - 1)


def _descend(levels: int, where: str) -> None:
    if levels == 0:
        raise _too_deep(where)


def _too_deep(where: str = "") -> MalformedBody:
    return MalformedBody(
        f"{_member(where)} is nested too deep. Nest at most {_MOST_LEVELS} objects and lists."
    )


def _member(where: str) -> str:
    return f"The member {where[:_SHOWN_CHARACTERS]}" if where else "The body"


def _shown(name: str) -> str:
    """Return a name as short ASCII text that is safe in a message."""
    return ascii(name[:_SHOWN_CHARACTERS])
