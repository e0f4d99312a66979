"""Two processes, 10,000 random operations, and a Redis that fails at random."""

from collections.abc import Callable

import pytest
from flask import Flask

from authapp.models import User
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event
from tests.support.applications import HURRIED
from tests.support.servers import RedisServer
from tests.token_cache.torture import play, report

SEED = 20_260_101
OPERATIONS = 10_000


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED, "CACHE_TRUST": "50"}


@pytest.mark.long
def test_no_revoked_credential_is_ever_accepted_again(
    app: Flask,
    make_app: Callable[..., Flask],
    user: User,
    redis_server: RedisServer,
    environ: dict[str, str],
) -> None:
    done = play(app, user, redis_server, environ, SEED, OPERATIONS)

    assert done.stale == [], report(done, 0)
    for what in ("sessions revoked", "tokens revoked", "rotations", "sessions accepted"):
        assert done.counts[what] > 0
    assert sum(number for what, number in done.counts.items() if what.startswith("server")) > 3
    assert done.counts[f"cache: {Event.RECALL}"] > 0
    assert done.counts[f"cache: {Event.HIT}"] > 0
    after = make_app()
    with after.app_context():
        assert [key for each in token_cache.check() for key in each.differing] == []
