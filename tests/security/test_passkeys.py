"""Answers of browsers: whatever they contain, they are verified or refused."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from authapp.security.passkey_answers import (
    DUMMY_KEY,
    AnswerRefused,
    NewPasskey,
    read_assertion,
    read_registration,
    verify_assertion,
    verify_registration,
)
from authapp.security.passkey_options import Site, ask_for_new_passkey, ask_for_passkey
from tests.support.passkeys import ES256, RS256, SITE, Authenticator, EdDSA

HERE = Site("localhost", SITE, "authapp")
CHALLENGE = b"a challenge"
MEMBERS = ("", "!", "AAAA", "\u00e9", "\ud800", "gg" * 3000, "g" * 20_000, 1, None, [], {})


def create(device: Authenticator) -> str:
    options = ask_for_new_passkey(
        HERE, CHALLENGE, user_handle=b"handle", user_name="somebody", known=[]
    )
    return device.create(options)


def use(device: Authenticator) -> str:
    return device.get(ask_for_passkey(HERE, CHALLENGE, verifies_user=True))


def registered(answer: str) -> NewPasskey:
    return verify_registration(read_registration(answer), site=HERE)


def verified(answer: str, key: bytes) -> int:
    return verify_assertion(read_assertion(answer), site=HERE, public_key=key, verifies_user=True)


@pytest.mark.parametrize("key", [ES256, EdDSA, RS256])
def test_a_passkey_is_created_and_used(key: type[Any]) -> None:
    device = Authenticator(key(), count=3)

    made = registered(create(device))
    device.count = 4

    assert (made.credential_id, made.sign_count) == (device.credential_id, 3)
    assert verified(use(device), made.public_key) == 4
    assert read_assertion(use(device)).challenge == CHALLENGE


def test_the_key_of_nobody_verifies_nothing() -> None:
    with pytest.raises(AnswerRefused, match="verify authentication signature"):
        verified(use(Authenticator()), DUMMY_KEY)


@pytest.mark.parametrize("key", [ES256, EdDSA])
def test_spoiled_answers_are_verified_or_refused(key: type[Any]) -> None:
    device = Authenticator(key())
    made = registered(create(device))
    refused = 0

    for answer in spoiled(create(device)):
        with suppress(AnswerRefused):
            registered(answer)
    for answer in spoiled(use(device)):
        try:
            verified(answer, made.public_key)
        except AnswerRefused:
            refused += 1

    assert refused > 50


def spoiled(answer: str) -> Iterator[str]:
    """Yield an answer with each member replaced, and with each part of its binaries replaced."""
    whole = json.loads(answer)
    response = whole["response"]
    for value in MEMBERS:
        yield json.dumps({**whole, "rawId": value})
        yield json.dumps({**whole, "response": value})
        for name in response:
            yield json.dumps({**whole, "response": {**response, name: value}})
    for name, text in response.items():
        if isinstance(text, str):
            for position in range(0, len(text), 3):
                cut = f"{text[:position]}-_8{text[position + 3 :]}"
                yield json.dumps({**whole, "response": {**response, name: cut}})


@pytest.mark.parametrize(
    "answer", ["", "{}", "[]", "null", "1", '"', "[" * 15_000, "\ud800", " " * 20_000]
)
def test_what_is_not_an_answer_is_refused(answer: str) -> None:
    with pytest.raises(AnswerRefused):
        read_assertion(answer)
    with pytest.raises(AnswerRefused):
        read_registration(answer)
