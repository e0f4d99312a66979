"""What the token cache costs and saves, measured on real servers: `make bench-cache`.

Figures are of one machine at one time; trust the ratios, which are taken side by side.
"""

import logging
import multiprocessing
import platform
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import flask_migrate
import redis
from flask import Flask
from sqlalchemy import text

from authapp import clock, create_app
from authapp.models import Token, db
from authapp.models.changes import update_where
from authapp.security.opaque_tokens import digest, new_secret
from authapp.services import keys
from authapp.token_cache import token_cache
from authapp.token_cache.coherence.reader import Reader
from authapp.token_cache.counters import Event
from authapp.token_cache.entries import ListEntry, RowEntry
from authapp.token_cache.records import REFRESH_TOKEN, TOKEN, TokenRecord
from tests.support.accounts import add_user
from tests.support.applications import dispose, settings
from tests.support.browsing import sign_in
from tests.support.servers import PostgresServer, RedisServer
from tests.token_cache.rows import add_session, add_token

FEW, MANY = 1_000, 1_000_000
TIMES = 2_000
BATCH = 2_000
ROWS = 20_000
USERS, TOKENS_EACH = 20, 10


def main() -> None:
    """Measure everything, one thing after another."""
    logging.disable(logging.WARNING)
    say(f"{clock.now():%Y-%m-%d}, {multiprocessing.cpu_count()} cores, Python", end=" ")
    say(platform.python_version())
    server, postgres = RedisServer().start(), PostgresServer()
    folder = tempfile.mkdtemp(prefix="authapp-bench-")
    try:
        with server.client as client:
            found = client.info("server")
        say(f"{'Valkey' if 'valkey_version' in found else 'Redis'}", end=" ")
        say(str(found.get("valkey_version", found["redis_version"])))
        urls = {
            "SQLite": f"sqlite:///{folder}/bench.db",
            "PostgreSQL": postgres.url(postgres.create()),
        }
        for url in urls.values():
            migrate(url)
        for name, url in urls.items():
            compare_reads(name, url, server)
            compare_pages(name, url, server)
        with an_app(urls["PostgreSQL"], server) as app:
            compare_refreshing_ahead(app)
            compare_sizes(server)
            revoke_all()
            delete_by_pattern(server)
    finally:
        server.close()
        postgres.close()
        shutil.rmtree(folder)


def compare_reads(name: str, url: str, server: RedisServer) -> None:
    """One session by its id, from the cache and from the database alone."""

    def read(app: Flask, id: UUID) -> None:
        with app.app_context():
            token_cache.get_refresh_token_by_id(id)

    with an_app(url, server) as cached, an_app(url, server, REDIS_URL="") as uncached:
        id = add_session(add_user(f"{uuid4()}@example.org").id).id
        db.session.rollback()
        acts = {"cached": partial(read, cached, id), "database": partial(read, uncached, id)}
        say_ratio(f"a session by its id, {name}", side_by_side(acts, TIMES))


def compare_pages(name: str, url: str, server: RedisServer) -> None:
    """GET /account of somebody who is signed in, with and without a cache."""
    email, acts = f"{uuid4()}@example.org", {}
    with an_app(url, server) as cached, an_app(url, server, REDIS_URL="") as uncached:
        add_user(email)
        db.session.rollback()
        for where, app in (("cached", cached), ("database", uncached)):
            client = app.test_client()
            sign_in(client, email)
            assert client.get("/account").status_code == 200
            acts[where] = partial(client.get, "/account")
        say_ratio(f"GET /account, warm, {name}", side_by_side(acts, TIMES // 5))


def compare_sizes(server: RedisServer) -> None:
    """A token by its id among a thousand and among a million, and what each takes in memory."""
    before, took, ids = memory(server), {}, []
    for size in (FEW, MANY):
        ids += fill(server, size - len(ids))
        some = random.sample(ids, FEW)
        took[f"among {size:,}"] = microseconds(read_one_of, some)
    say_ratio("a token by its id, cached", took)
    say(f"{'bytes of memory per cached token':44}{(memory(server) - before) / MANY:10,.0f}")


def read_one_of(ids: list[UUID]) -> None:
    token_cache.assembly.reader.read([RowEntry(TOKEN, random.choice(ids))])


def revoke_all() -> None:
    """Revoke ten tokens of one person, among a million in the cache and in the database."""
    people = [add_user(f"{uuid4()}@example.org").id for _ in range(USERS)]
    for id in people:
        for _ in range(TOKENS_EACH):
            token_cache.get_token_by_id(add_token(id)[0].id)
    for _ in range(MANY // ROWS):
        db.session.execute(text(MANY_ROWS), {"user": people[0], "rows": ROWS, "digest": bytes(32)})
        db.session.commit()
    others = iter(people[1:])

    def revoke() -> None:
        mine = Token.user_id == next(others)
        assert len(update_where(Token, mine, revoked_at=clock.now())) == TOKENS_EACH
        db.session.commit()

    took = microseconds(revoke, times=USERS - 1)
    say(f"{f'revoke all {TOKENS_EACH} tokens of one person':44}{took:10,.0f} µs")


def delete_by_pattern(server: RedisServer) -> None:
    """How long another client waits at the worst while a million keys go."""
    db.session.rollback()
    with watched_stalls(server) as idle:
        time.sleep(3)
    with watched_stalls(server) as stalls:
        began = time.monotonic()
        removed = token_cache.store.delete_pattern("token:*")
        took = time.monotonic() - began
    say(f"{f'delete {removed:,} keys by pattern':44}{took:10,.1f} s")
    say_ratio("longest wait of another client", {"meanwhile": stalls[0], "idle": idle[0]})


def compare_refreshing_ahead(app: Flask) -> None:
    """Reads that had to wait for the database, over many short is_unexpired of one list in use."""
    brief = replace(REFRESH_TOKEN, duration=timedelta(seconds=0.4))
    entry = ListEntry(brief, (add_user(f"{uuid4()}@example.org").id,))
    tally = app.extensions["token_cache"].counters
    ahead, waited = Reader._refreshed_ahead, {}
    db.session.rollback()

    def read_for(seconds: float) -> None:
        give_up_at = time.monotonic() + seconds
        with app.app_context():
            while time.monotonic() < give_up_at:
                token_cache.assembly.reader.read([entry])
                time.sleep(0.001)

    for name, refreshed in (("refreshed", ahead), ("not", lambda *looked: looked[-1].value)):
        Reader._refreshed_ahead = refreshed  # type: ignore[method-assign]
        before = tally.counted(Event.MISS)
        threads = [threading.Thread(target=read_for, args=(20.0,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        waited[name] = float(tally.counted(Event.MISS) - before)
    Reader._refreshed_ahead = ahead  # type: ignore[method-assign]
    say_ratio("misses over 50 is_unexpired of a list in use", waited, unit="")


MANY_ROWS = """
    INSERT INTO tokens (id, user_id, name, scopes, digest, last_four, created_at)
    SELECT gen_random_uuid(), :user, 'a script', '', :digest, 'zzzz', now()
    FROM generate_series(1, :rows)
"""


def fill(server: RedisServer, number: int) -> list[UUID]:
    """Put so many tokens into the cache, sealed as they are, and return their ids."""
    protocol = token_cache.assembly.backend
    assert protocol is not None
    ticket, ids = protocol.enter(), [uuid4() for _ in range(number)]
    with server.client as client:
        for start in range(0, number, BATCH):
            pipeline = client.pipeline(transaction=False)
            for id in ids[start : start + BATCH]:
                entry = RowEntry(TOKEN, id)
                sealed, milliseconds = protocol.seal(ticket.epoch, entry, a_token(id))
                pipeline.set(entry.key, sealed, px=milliseconds)
            pipeline.execute()
    return ids


def a_token(id: UUID) -> TokenRecord:
    values = {"user_id": uuid4(), "name": "a script", "scopes": "account:read", "last_four": "zzzz"}
    now = clock.now()
    times = {"created_at": now, "expires_at": now + timedelta(days=30)}
    blank = dict.fromkeys(TokenRecord.__dataclass_fields__)
    return TokenRecord(**{**blank, "id": id, "digest": digest(new_secret()), **values, **times})


@contextmanager
def watched_stalls(server: RedisServer) -> Iterator[list[float]]:
    """Let another process ask all the while; yields a list that gets its longest wait, in µs."""
    context = multiprocessing.get_context("spawn")
    is_over, answers, longest = context.Event(), context.Queue(), list[float]()
    arguments = (server.port, is_over, answers)
    process = context.Process(target=longest_wait, args=arguments, daemon=True)
    process.start()
    answers.get()
    yield longest
    is_over.set()
    longest.append(answers.get())
    process.join()


def longest_wait(port: int, is_over: Any, answers: Any) -> None:
    longest = 0.0
    with redis.Redis(port=port) as client:
        client.ping()
        answers.put(True)
        while not is_over.is_set():
            began = time.perf_counter()
            client.get("jwt_keys")
            longest = max(longest, time.perf_counter() - began)
    answers.put(longest * 1e6)


def microseconds(act: Callable[..., object], *arguments: object, times: int = TIMES) -> float:
    """Return how long something takes, as `side_by_side` has it."""
    return side_by_side({"it": partial(act, *arguments)}, times)["it"]


def side_by_side(acts: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Do each in turn, and return what the fastest tenth takes at most, in microseconds.

    The rest is what else the machine does, which falls on all of them alike.
    """
    took: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(times):
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            took[name].append(time.perf_counter() - began)
    warm = min(10, times // 10)
    return {name: statistics.quantiles(each[warm:], n=10)[0] * 1e6 for name, each in took.items()}


@contextmanager
def an_app(url: str, server: RedisServer, **changes: str) -> Iterator[Flask]:
    app = create_app({**settings(url, server.url), **changes})
    with app.app_context():
        yield app
    dispose(app)


def memory(server: RedisServer) -> int:
    with server.client as client:
        return int(client.info("memory")["used_memory"])


def migrate(url: str) -> None:
    app = create_app(settings(url, ""))
    with app.app_context():
        flask_migrate.upgrade()
        keys.ensure_active()
    dispose(app)


def say_ratio(what: str, figures: dict[str, float], unit: str = " µs") -> None:
    """Print two figures side by side, and how many times the second is the first."""
    (first, one), (second, other) = figures.items()
    ratio = f"{other / one:.1f}" if one else "-"
    say(f"{what:44}{one:10,.0f}{unit} {first}  {other:10,.0f}{unit} {second}  ratio {ratio}")


def say(line: str, end: str = "\n") -> None:
    sys.stdout.write(line + end)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
