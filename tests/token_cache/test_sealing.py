"""An attacker who can write to Redis cannot forge, move, prolong or inflate an entry."""

import json
import os
import pickle
import zlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from authapp import clock
from authapp.models import User
from authapp.security.sealing import SealBroken, Sealer
from authapp.token_cache import token_cache
from authapp.token_cache.coherence import values
from authapp.token_cache.counters import Event
from authapp.token_cache.redis import envelope
from authapp.token_cache.redis.envelope import Envelope
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_session, add_token


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application without a local tier: every read goes to Redis."""
    return make_app(CACHE_LOCAL_TRUST="0")


NEW_KEY = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY="


class Bomb:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return os._exit, (1,)


def flipped(value: bytes) -> bytes:
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


FORGERIES: dict[str, Callable[[bytes], bytes]] = {
    "tampered": flipped,
    "truncated": lambda value: value[:-1],
    "cut to its first byte": lambda value: value[:1],
    "empty": lambda _: b"",
    "lengthened": lambda value: value + b"x",
    "plain JSON": lambda _: b"v" + json.dumps({"ended_at": None}).encode(),
    "a pickle": lambda _: pickle.dumps(Bomb()),
    "a pickle as a value": lambda _: b"v" + pickle.dumps(Bomb()),
    "a pickle as Flask-Caching marks it": lambda _: b"!" + pickle.dumps(Bomb()),
    "a megabyte of nothing": lambda _: b"v" + bytes(1 << 20),
    "of no known kind": lambda _: b"\xff\x00x",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_entry_is_a_miss_counted_and_logged_once(
    context: None,
    redis_server: RedisServer,
    user: User,
    caplog: pytest.LogCaptureFixture,
    forgery: str,
) -> None:
    rows = [add_session(user.id) for _ in range(3)]
    for row in rows:
        token_cache.get_refresh_token_by_id(row.id)
    caplog.clear()

    for row in rows:
        key = f"refresh_token:{row.id}"
        redis_server.client.set(key, FORGERIES[forgery](redis_server.client.get(key)), ex=60)
        record = token_cache.get_refresh_token_by_id(row.id)
        assert record is not None
        assert record.id == row.id

    assert broken_seals() == (0 if forgery == "empty" else 3)
    assert len([r for r in caplog.records if r.name == values.__name__]) <= 1
    for row in rows:
        assert redis_server.client.get(f"refresh_token:{row.id}")[:1] == b"v"


def broken_seals() -> int:
    return token_cache.assembly.counters.counted(Event.BROKEN_SEAL)


@pytest.mark.parametrize("make", ["RPUSH", "SADD", "HSET", "ZADD", "XADD"])
def test_key_of_another_redis_type_is_a_miss(
    context: None, redis_server: RedisServer, user: User, make: str
) -> None:
    id = add_session(user.id).id
    arguments = {"HSET": ["f", "v"], "ZADD": ["1", "m"], "XADD": ["*", "f", "v"]}
    redis_server.client.delete(f"refresh_token:{id}")
    redis_server.client.execute_command(make, f"refresh_token:{id}", *arguments.get(make, ["x"]))

    assert token_cache.get_refresh_token_by_id(id)
    assert redis_server.client.get(f"refresh_token:{id}")[:1] == b"v"


def test_entry_copied_to_another_key_is_a_miss(
    context: None, redis_server: RedisServer, user: User
) -> None:
    mine, theirs = add_session(user.id), add_session(user.id)
    token, _ = add_token(user.id)
    client = redis_server.client
    token_cache.get_refresh_token_by_id(theirs.id)

    for key in (f"refresh_token:{mine.id}", f"token:{token.id}"):
        client.set(key, client.get(f"refresh_token:{theirs.id}"), ex=60)

    assert token_cache.get_refresh_token_by_id(mine.id).id == mine.id
    assert token_cache.get_token_by_id(token.id).id == token.id
    assert broken_seals() == 2


def test_value_expires_even_if_its_ttl_is_removed(
    context: None,
    redis_server: RedisServer,
    user: User,
    move_time: Callable[..., Any],
) -> None:
    id = add_session(user.id, hours=200).id
    token_cache.get_refresh_token_by_id(id)
    redis_server.client.persist(f"refresh_token:{id}")

    with move_time(hours=25):
        token_cache.get_refresh_token_by_id(id)

        assert broken_seals() == 1


def test_sealing_keys_rotate(
    make_app: Callable[..., Flask], environ: dict[str, str], redis_server: RedisServer, user: User
) -> None:
    old = environ["CACHE_SEALING_KEYS"]
    before = make_app()
    during = make_app(CACHE_SEALING_KEYS=f"{NEW_KEY},{old}")
    after = make_app(CACHE_SEALING_KEYS=NEW_KEY)

    def reads_from_cache(app: Flask, id: Any) -> bool:
        with app.app_context():
            hits = _hits()
            assert token_cache.get_refresh_token_by_id(id)
            return _hits() > hits

    with before.app_context():
        id, other = add_session(user.id).id, add_session(user.id).id
        token_cache.get_refresh_token_by_id(id)
    assert reads_from_cache(before, id)
    assert reads_from_cache(during, id)
    assert not reads_from_cache(after, id), "sealed with a key that is dropped"
    with during.app_context():
        token_cache.invalidate_refresh_token(other)
        token_cache.get_refresh_token_by_id(other)
    assert reads_from_cache(after, other), "the first key seals"


def _hits() -> int:
    return token_cache.assembly.counters.counted(Event.HIT, Event.RECALL)


def test_decompressed_size_is_bounded() -> None:
    """Only a holder of the key can create such a value, but our own bug could be one."""
    sealer = Sealer([bytes(range(32))])
    bomb = b"z" + zlib.compress(bytes(envelope.EXPANDS_TO_AT_MOST_BYTES + 1))
    sealed = bytes(8) + sealer.seal(bomb, bound_to=b"1\x000\x00key")

    with pytest.raises(SealBroken, match="expands"):
        Envelope(sealer).open("key", 0, sealed, list[str])


def test_only_long_lists_are_compressed() -> None:
    sealer = Sealer([bytes(range(32))])
    sealing, ends = Envelope(sealer), clock.now() + timedelta(hours=1)
    ids = [f"{n:032x}" for n in range(1000)]

    sealed = sealing.seal("key", 1, ids, ends)

    assert len(sealed) < len(json.dumps(ids)) / 2
    assert sealing.open("key", 1, sealed, list[str])[0] == ids
