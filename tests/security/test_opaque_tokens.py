"""Opaque tokens, which carry their row's id."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from authapp.security.opaque_tokens import (
    IdAndSecret,
    make_api_token,
    make_link_token,
    make_refresh_token,
    parse_api_token,
    parse_link_token,
    parse_refresh_token,
    proves,
)

SECRETS = some.binary(min_size=32, max_size=32)
KEY, OTHER = b"k" * 32, b"o" * 32


@given(some.uuids(), SECRETS)
def test_a_link_token_round_trips(id: UUID, secret: bytes) -> None:
    assert parse_link_token(make_link_token(id, secret)) == IdAndSecret(id, secret)


@given(some.uuids(), SECRETS)
def test_an_api_token_round_trips(id: UUID, secret: bytes) -> None:
    value = make_api_token("aut", id, secret)

    assert parse_api_token("aut", value) == IdAndSecret(id, secret)
    assert parse_api_token("other", value) is None


@given(some.uuids(), some.integers(0, 10**8))
def test_a_refresh_token_verifies_only_with_its_own_key(id: UUID, generation: int) -> None:
    claim = parse_refresh_token(make_refresh_token(KEY, id, generation))

    assert claim is not None
    assert (claim.session_id, claim.generation) == (id, generation)
    assert proves(claim, [OTHER, KEY])
    assert not proves(claim, [OTHER])


@given(some.text() | some.text("abcXYZ019._-", max_size=90))
def test_parsers_return_none_for_arbitrary_text(value: str) -> None:
    for parse in (parse_link_token, parse_refresh_token, lambda v: parse_api_token("aut", v)):
        assert parse(value) is None


@given(some.uuids(), SECRETS, some.integers(4, 74), some.sampled_from("0aZ_é"))
def test_one_changed_character_fails_the_checksum(
    id: UUID, secret: bytes, at: int, character: str
) -> None:
    value = make_api_token("aut", id, secret)
    changed = value[:at] + character + value[at + 1 :]

    assert (parse_api_token("aut", changed) is None) == (changed != value)


@given(some.uuids(), SECRETS)
def test_a_value_has_one_spelling(id: UUID, secret: bytes) -> None:
    value = make_link_token(id, secret)

    for other in (value + "=", f" {value}", value + "\n", value.replace(".", ".=")):
        assert parse_link_token(other) is None
