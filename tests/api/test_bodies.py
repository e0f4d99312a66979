"""Bodies that cannot be decoded: each refusal says what is wrong, and where."""

from contextlib import suppress
from time import process_time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.http.decoding import MalformedBody, decode_form, decode_json
from authapp.models import Scope, User
from tests.api.calling import bearing, new_token, without_cookies

FORM = "application/x-www-form-urlencoded"
LARGEST = 256 * 1024

MALFORMED_JSON = [
    (b"", "is empty"),
    (b"{", "at byte 1"),
    (b'{"a": 1,}', "at byte 8"),
    ('{"é": 1} x'.encode(), "at byte 10"),
    (b'{"a": "\xff"}', "not valid UTF-8 at byte 7"),
    (b'{"a": "\xed\xa0\x80"}', "not valid UTF-8 at byte 7"),
    (b'{"a": "\xc0\x80"}', "not valid UTF-8 at byte 7"),
    (b"\xef\xbb\xbf{}", "byte-order mark at byte 0"),
    ("{}".encode("utf-16"), "byte-order mark at byte 0"),
    ('{"a": 1}'.encode("utf-16-le"), "NUL at byte 1"),
    ('{"a": 1}'.encode("utf-32-be"), "NUL at byte 0"),
    (b'{"a": "x\0"}', "NUL at byte 8"),
    (b'{"a": "x\n"}', "at byte 8"),
    (b'{"a": 1e400}', "'a' is too large"),
    (b'{"a": [0, -1e999]}', "'a'[1] is too large"),
    (b'{"a": ' + b"9" * 5000 + b"}", "'a' is too large"),
    (b'{"a": NaN}', "'a' is too large, or not a number"),
    (b'{"a": -Infinity}', "'a' is too large"),
    (rb'{"a": "\ud800"}', "'a' contains half of a surrogate pair"),
    (rb'{"a": {"b": ["x", "\udc00\ud800"]}}', "'a'.'b'[1] contains half"),
    (rb'{"\ud800": 1}', r"'\ud800' contains half"),
    (b'{"a": 1, "b": 2, "a": 3}', "'a' is repeated"),
    (rb'{"a": 1, "\u0061": 3}', "'a' is repeated"),
    (b'{"a": {"b": 1, "b": 1}}', "'b' is repeated"),
    (b"[" * 17 + b"]" * 17, "nested too deep"),
    (b"[" * 1000, "nested too deep"),
    (b'{"a":' * 1000, "nested too deep"),
    (b"[" * 100_000, "more than 1000 values"),
    (b"[" + b"0," * 1000 + b"0]", "more than 1000 values"),
    (b"[" + b"[[]]," * 500 + b"0]", "more than 1000 values"),
    (b"{" + b",".join(b'"%d":0' % each for each in range(1001)) + b"}", "more than 1000 values"),
]
MALFORMED_FORMS = [
    (b"token=%ff", "'token' is not valid UTF-8"),
    (b"token=\xff", "'token' is not valid UTF-8"),
    (b"a=b&%ff=1", "name at byte 4 is not valid UTF-8"),
    (b"token=a&token=b", "'token' is repeated"),
    (b"token=a&%74oken=", "'token' is repeated"),
    (b"token=a&hint&hint=", "'hint' is repeated"),
    (b"&".join(b"%d=" % number for number in range(101)), "more than 100 parameters"),
]


@pytest.mark.parametrize(("data", "told"), MALFORMED_JSON)
def test_ambiguous_json_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(MalformedBody) as refusal:
        decode_json(data)

    assert told in refusal.value.detail


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b' {"a": [1, 2.5, null, true, "x"]}\n', {"a": [1, 2.5, None, True, "x"]}),
        (rb'{"a": "\ud83d\ude00 \u0000"}', {"a": "\U0001f600 \0"}),
        ('{"é": "😀"}'.encode(), {"é": "😀"}),
        (b'{"a": {"a": {"a": 1}}}', {"a": {"a": {"a": 1}}}),
        (b'{"a": 12345678901234567890123}', {"a": 12345678901234567890123}),
        (b"[]", []),
        (b"[" + b"0," * 999 + b"0]", [0] * 1000),
        (rb'{"a": "' + rb"[{,\\\"" * 1000 + b'"}', {"a": '[{,\\"' * 1000}),
    ],
)
def test_well_formed_json_is_decoded(data: bytes, value: object) -> None:
    assert decode_json(data) == value


@pytest.mark.parametrize(("data", "told"), MALFORMED_FORMS)
def test_an_ambiguous_form_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(MalformedBody) as refusal:
        decode_form(data)

    assert told in refusal.value.detail


def test_a_well_formed_form_is_decoded() -> None:
    data = "a=b+c&%C3%A9=é&&empty&pair=x=y&scopes=1&scopes=2".encode()

    fields = decode_form(data, repeatable={"scopes"})

    assert fields == [("a", "b c"), ("é", "é"), ("empty", ""), ("pair", "x=y"),
                      ("scopes", "1"), ("scopes", "2")]  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        b'"' + rb"\"" * (LARGEST // 2),
        b"[" + b"0," * (LARGEST // 2) + b"0]",
        b"[" + b"9" * LARGEST + b"]",
        b"[" + b"0." + b"9" * LARGEST + b"]",
        b'{"' + b"x" * (LARGEST // 2) + b'": [' + b"{}," * (LARGEST // 6) + b"{}]}",
        b"{" + b",".join(b'"%d":0' % number for number in range(LARGEST // 9)) + b"}",
        b"[" * LARGEST,
    ],
    ids=lambda data: repr(data[:8]),
)
def test_the_largest_body_is_decoded_quickly(data: bytes) -> None:
    begun = process_time()

    with suppress(MalformedBody):
        decode_json(data)

    assert process_time() - begun < 1


def check_told(answer: TestResponse, told: str) -> None:
    """Check that a problem document says what is wrong with a body."""
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.json["type"] == "urn:authapp:problem:body-malformed"
    assert answer.json["title"]
    assert told in answer.json["detail"]


def test_a_json_error_is_explained(app: Flask) -> None:
    program = without_cookies(app)

    for data, told in MALFORMED_JSON:
        for path in ("login", "refresh", "tokens/report"):
            answer = program.post(f"/api/v1/{path}", data=data, content_type="application/json")
            check_told(answer, told)


def test_a_form_error_is_explained(app: Flask, user: User) -> None:
    program = without_cookies(app)
    header = bearing(new_token(app, user, Scope.INTROSPECT))

    for data, told in [*MALFORMED_FORMS, (b"", "'token' is missing"), (b"token=", "is missing")]:
        for path in ("introspect", "revoke"):
            answer = program.post(f"/oauth/{path}", data=data, content_type=FORM, headers=header)
            check_told(answer, told)


def test_an_unsupported_media_type_error_names_the_expected_type(client: FlaskClient) -> None:
    json = client.post("/api/v1/login", data=b"{}", content_type="text/plain").json
    form = client.post("/oauth/revoke", data=b"{}", content_type="application/json").json

    assert json["type"] == form["type"] == "urn:authapp:problem:media-type-unsupported"
    assert "application/json" in json["detail"]
    assert FORM in form["detail"]
