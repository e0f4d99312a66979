"""After each use case that changes cached rows, Redis has no fence and no outdated value left.

Every entry of the user is cached first, so that a use case that forgets one is caught. Every
other test is checked for the same on a colder cache (`make_app`).
"""

import pytest
from flask import Flask

from authapp.token_cache.entries import load, parse
from authapp.token_cache.redis import scripts
from tests.support.servers import RedisServer
from tests.support.walks import WALKS, Person


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("walk", WALKS)
def test_a_use_case_leaves_no_outdated_cache_entry(
    app: Flask, redis_server: RedisServer, walk: str
) -> None:
    with app.app_context():
        person = Person()

        WALKS[walk](person)

        assert _wrong_entries(app, redis_server) == []


def _wrong_entries(app: Flask, server: RedisServer) -> list[str]:
    """Return the keys that differ from the database; entries of every kind were cached first.

    Lists are compared as a whole: no time passes in which an id could expire.
    """
    with server.client as client:
        held = {name.decode(): client.get(name) for name in client.scan_iter(_type="string")}
    wrong = [key for key, raw in held.items() if raw[:1] == scripts.FENCE]
    entries = [entry for key in held if (entry := parse(key)) is not None]
    parts = app.extensions["token_cache"]
    _, looks = parts.backend.look(entries)
    cached = {entry: look.value for entry, look in looks.items() if look.is_hit}
    committed = load(parts.database, list(cached))
    return wrong + [entry.key for entry in cached if cached[entry] != committed[entry]]
