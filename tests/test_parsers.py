"""Parsers of what strangers send return a value or their own error, for any bytes.

`make fuzz` runs the same for SECONDS for each parser.
"""

import base64
import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NamedTuple
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from authapp.domain import known_devices, pending_sign_ins
from authapp.domain.client import parse_address
from authapp.domain.email_addresses import email_key, key_of, parse_email
from authapp.domain.limits.mail_limits import mailbox
from authapp.domain.phone_numbers import parse_phone
from authapp.errors import InputRefused, TokenInvalid
from authapp.http.decoding import MalformedBody, decode_form, decode_json
from authapp.security import passkey_answers, recovery_codes
from authapp.security.codes import read_code
from authapp.security.jwt import peek, verify
from authapp.security.keyring import generate, parse_public
from authapp.security.opaque_tokens import (
    make_api_token,
    make_link_token,
    make_refresh_token,
    parse_api_token,
    parse_link_token,
    parse_refresh_token,
)
from authapp.security.passkey_answers import AnswerRefused, verify_registration
from authapp.security.passkey_options import Site
from authapp.security.sealing import SealBroken, Sealer
from authapp.token_cache.records import RefreshTokenRecord
from authapp.token_cache.redis.envelope import Envelope
from tests.support.passkeys import SITE, Authenticator

SECONDS: Final = float(os.environ.get("FUZZ_SECONDS", "0"))
EXAMPLES: Final = 50

ID, SECRET, KEY = UUID(int=7), bytes(range(32)), b"k" * 32
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
PAIR: Final = generate("ES256")
ENVELOPE: Final = Envelope(Sealer([KEY]))
SITE_OF_PASSKEYS: Final = Site("localhost", SITE, "authapp")
HEADER: Final = {"typ": "at+jwt", "alg": "ES256", "kid": "x"}
CLAIMS: Final = {"sid": str(ID), "sub": str(ID), "iss": "x", "aud": "x", "iat": 1, "exp": 2**40}


def encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def verified(value: str) -> object:
    public = parse_public(PAIR.public_jwk)
    return verify(
        value, key=public, algorithm="ES256", issuer="x", audience="x", clock_skew=NOW - NOW
    )


class Parser(NamedTuple):
    """A parser of text, the errors that it may raise, and a text that it accepts."""

    parse: Callable[[str], Any]
    errors: tuple[type[Exception], ...]
    example: str


def as_bytes(parse: Callable[[bytes], Any]) -> Callable[[str], Any]:
    return lambda text: parse(text.encode("utf-8", "surrogatepass"))


PARSERS: Final = {
    "api token": Parser(
        lambda text: parse_api_token("aut", text), (), make_api_token("aut", ID, SECRET)
    ),
    "link": Parser(parse_link_token, (), make_link_token(ID, SECRET)),
    "refresh token": Parser(parse_refresh_token, (), make_refresh_token(KEY, ID, 3)),
    "JWT": Parser(peek, (TokenInvalid,), f"{encoded(HEADER)}.{encoded(CLAIMS)}.AAAA"),
    "verified JWT": Parser(
        verified, (TokenInvalid,), f"{encoded(HEADER)}.{encoded(CLAIMS)}.{'A' * 86}"
    ),
    "device cookie": Parser(
        lambda text: known_devices.name_of(known_devices.learn(text, ID)), (), "A" * 43
    ),
    "pending sign-in": Parser(pending_sign_ins.require, (TokenInvalid,), "WzFd.AAAA"),
    "sealed entry": Parser(
        lambda text: ENVELOPE.open("key", 1, text.encode("latin-1", "replace"), RefreshTokenRecord),
        (SealBroken,),
        ENVELOPE.seal("key", 1, {"id": str(ID)}, NOW).decode("latin-1"),
    ),
    "email": Parser(parse_email, (InputRefused,), "Name+tag@bücher.example"),
    "email key": Parser(
        lambda text: (key_of(text), email_key(text[:300]), mailbox(text[:300])), (), "a@b.example"
    ),
    "phone": Parser(lambda text: parse_phone(text, "GB"), (InputRefused,), "+44 7400 123456"),
    "code": Parser(read_code, (), "123 456"),
    "recovery code": Parser(recovery_codes.read, (), "3k7qp-m2xw9"),
    "passkey": Parser(
        passkey_answers.read_assertion, (AnswerRefused,), Authenticator().get({"challenge": "AAAA"})
    ),
    "new passkey": Parser(
        lambda text: verify_registration(
            passkey_answers.read_registration(text), site=SITE_OF_PASSKEYS
        ),
        (AnswerRefused,),
        Authenticator().create({"challenge": "AAAA", "user": {"id": "AAAA"}}),
    ),
    "address": Parser(parse_address, (), "[2001:db8::1%eth0]:443"),
    "JSON": Parser(as_bytes(decode_json), (MalformedBody,), '{"a": [1, "\\u00e9", null]}'),
    "form": Parser(as_bytes(decode_form), (MalformedBody,), "a=1&b=%C3%A9+c"),
}


def spoiled(example: str) -> st.SearchStrategy[str]:
    """Return texts that are nearly what a parser accepts, and any other text."""
    any_text = st.text(st.characters(exclude_categories=()))
    position = st.integers(0, len(example))
    cut = st.builds(
        lambda start, inserted, end: example[:start] + inserted + example[end:],
        position,
        any_text,
        position,
    )
    return st.one_of(any_text, cut, st.binary().map(lambda raw: raw.decode("latin-1")))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", PARSERS)
def test_any_text_is_parsed_or_refused(app: Flask, context: None, name: str) -> None:
    parser = PARSERS[name]

    def parse(text: str) -> None:
        with suppress(*parser.errors):
            parser.parse(text)

    parse(parser.example)
    stop_at = time.monotonic() + SECONDS
    for number in count():
        hunt = given(spoiled(parser.example))(parse)
        limits = settings(
            max_examples=EXAMPLES if SECONDS == 0 else 500,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        seed(number)(limits(hunt))()
        if time.monotonic() >= stop_at:
            break
