"""Measures what many accounts cost, and writes docs/scale.json and a part of docs/scale.md.

Two deployments on PostgreSQL differ in nothing but the number of their accounts. Slices of both are
taken in turn, so that a busy machine slows both.
"""

import argparse
import json
import logging
import os
import random
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import md5, sha256
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg

from authapp import ROOT
from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import make_api_token, make_refresh_token
from authapp.security.passwords import hash_password
from tests.bench import report, rows
from tests.bench.load import Script, Slice, request, run
from tests.bench.ours import JSON, Ours, deployed, same
from tests.bench.report import Measured
from tests.bench.throughput import Subject, measure
from tests.support import crowd
from tests.support.accounts import PASSWORD
from tests.support.applications import UNHURRIED
from tests.support.servers import AppServer, PostgresServer, RedisServer

CONNECTIONS: Final = 8
SAMPLE: Final = 500
CACHED: Final = 20_000
MAIN: Final = ("users", "refresh_tokens", "tokens", "token_uses")
"""The tables that are filled for every account; the others only for each tenth."""

PURGED: Final = 20_000
"""Rows of each of three tables that have expired long ago."""

COMMANDS: Final = ("tokens purge", "keys rotate --force")
BEGIN: Final = "<!-- measured -->"
END: Final = "<!-- end of what was measured -->"
_INDEXES: Final = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace AND NOT indisunique
"""
_SIZES: Final = """
SELECT relname, n_live_tup, pg_table_size(relid), pg_indexes_size(relid)
FROM pg_stat_user_tables WHERE n_live_tup > 1000 ORDER BY pg_total_relation_size(relid) DESC
"""


@dataclass
class Side:
    """One deployment, its server, and how many accounts it has."""

    name: str
    users: int
    ours: Ours
    server: AppServer
    redis: RedisServer
    database_url: str


def main() -> None:
    """Build both databases, and measure one thing after another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--few", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each slice")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="where to write")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with ExitStack() as stack:
        postgres = PostgresServer()
        stack.callback(postgres.close)
        _prepare(postgres)
        few = stack.enter_context(_side(postgres, "few", given.few))
        many = stack.enter_context(_side(postgres, "many", given.users))
        subjects = [each for side in (few, many) for each in _subjects(side)]
        measured = measure(subjects, rounds=given.rounds, seconds=given.seconds)
        found = {
            "machine": report.machine(),
            "users": {"few": few.users, "many": many.users},
            "ratios": _ratios(measured),
            "slowest_ms": _disturbances(many, given.seconds),
            "bytes": _sizes(many),
            "redis_bytes_per_row": _bytes_in_redis(few),
            "requests": {name: each.as_json() for name, each in measured.items()},
        }
    _write(given.folder, found)


def _prepare(postgres: PostgresServer) -> None:
    """Give PostgreSQL the memory that an installation of this size has."""
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        for name, value in (
            ("shared_buffers", "2GB"),
            ("maintenance_work_mem", "1GB"),
            ("max_wal_size", "16GB"),
            ("max_connections", "200"),
        ):
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    postgres.restart()


@contextmanager
def _side(postgres: PostgresServer, name: str, users: int) -> Iterator[Side]:
    redis_server = RedisServer().start()
    url = postgres.url(postgres.create())
    try:
        with deployed(url, redis_server.url) as ours:
            _fill(url, users)
            ours.environ |= UNHURRIED
            server = AppServer(ours.environ, workers=1, threads=CONNECTIONS)
            try:
                server.wait_until_ready()
                yield Side(name, users, ours, server, redis_server, url)
            finally:
                server.close()
    finally:
        redis_server.close()


def _fill(url: str, users: int) -> None:
    """Fill the tables, and build the indexes afterwards, which is several times faster."""
    with psycopg.connect(url, autocommit=True) as connection:
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        connection.execute("SET session_replication_role = replica")
        same_password = hash_password(PASSWORD)
        crowd.fill(connection, users, only=MAIN, password_hash=same_password)
        crowd.fill(connection, users // 10, only=_others())
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE")


def _others() -> set[str]:
    return {name for name, _ in crowd.tables(1)} - set(MAIN)


def _subjects(side: Side) -> list[Subject]:
    ours = side.ours
    cookies = {"Cookie": f"access_token={ours.session.access_token}"}
    paths = ("/account/sessions", "/account/tokens", "/account/activity", "/account/second-factors")
    pages = {path: request("GET", path, cookies) for path in paths}
    scripts = {name: same(sent, CONNECTIONS) for name, sent in (ours.requests() | pages).items()}
    scripts["/api/v1/refresh, of any session"] = [_refreshing(side)] * CONNECTIONS
    scripts["/auth/check, any API token"] = [_checking(side)] * CONNECTIONS
    scripts["/api/v1/login, any account"] = [_signing_in(side)] * CONNECTIONS
    return [
        Subject(
            f"{side.name}: {name}",
            side.server.port,
            script,
            f"few: {name}" if side.name == "many" else "",
        )
        for name, script in scripts.items()
    ]


def _refreshing(side: Side) -> Script:
    """Renew one session after another, of accounts anywhere in the table."""
    secret = derive_key(side.ours.environ["SECRET_KEY"], "refresh token")
    turns = {number: number % 40 for number in _sample(side.users * 2, _is_renewable)}
    numbers = cycle(turns)

    def next_one(_: bytes) -> bytes:
        number = next(numbers)
        value = make_refresh_token(secret, _id("session", number), turns[number])
        turns[number] += 1
        return _post("/api/v1/refresh", {"refresh_token": value})

    return next_one


def _checking(side: Side) -> Script:
    """Check one API token after another."""
    numbers = cycle(_sample(side.users, _may_sign_in))

    def next_one(_: bytes) -> bytes:
        number = next(numbers)
        value = make_api_token("aut", _id("token", number), sha256(str(number).encode()).digest())
        return request("GET", "/auth/check", {"Authorization": f"Bearer {value}"})

    return next_one


def _signing_in(side: Side) -> Script:
    """Sign in to one account after another, from one address after another."""
    numbers = cycle(_sample(side.users, _may_sign_in))
    turn = count()

    def next_one(_: bytes) -> bytes:
        given = {"email": f"person.{next(numbers)}@example.org", "password": PASSWORD}
        place = next(turn)
        address = f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"
        return _post("/api/v1/login", given, {"X-Forwarded-For": address})

    return next_one


def _post(path: str, given: dict[str, str], headers: dict[str, str] | None = None) -> bytes:
    return request("POST", path, {**JSON, **(headers or {})}, json.dumps(given).encode())


def _sample(rows: int, is_usable: Callable[[int], bool]) -> list[int]:
    """Return some numbers of rows, the same ones each time, from anywhere in a table."""
    # The accounts before these have a second factor.
    found = random.Random(1).sample(range(rows * 3 // 10, rows), min(5_000, rows // 2))
    return [number for number in found if is_usable(number)][:SAMPLE]


def _may_sign_in(number: int) -> bool:
    return number % 10 > 0 and number % 500 != 3 and number % 2000 != 7


def _is_renewable(number: int) -> bool:
    return number % 4 > 0 and number % 5 > 0 and number * 7919 % 2_000_000 > 20_000


def _id(kind: str, number: int) -> UUID:
    """Return the id that `tests.support.crowd` gave a row."""
    return UUID(md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest())


def _ratios(found: dict[str, Measured]) -> dict[str, list[float]]:
    """Return how much slower each request is with many accounts: least, median, greatest."""
    by_name = {}
    for each in found.values():
        if each.baseline:
            pairs = zip(found[each.baseline].per_second, each.per_second, strict=True)
            ratios = sorted(few / many for few, many in pairs)
            by_name[each.name.removeprefix("many: ")] = [
                round(ratio, 2) for ratio in (ratios[0], statistics.median(ratios), ratios[-1])
            ]
    return by_name


def _disturbances(side: Side, seconds: float) -> dict[str, Any]:
    """Return how long requests took at most while nothing else ran, and during each command."""
    with psycopg.connect(side.database_url) as connection:
        for table in ("refresh_tokens", "tokens", "verification_tokens"):
            connection.execute(
                f"UPDATE {table} SET expires_at = now() - interval '40 days' WHERE id IN"
                f" (SELECT id FROM {table} LIMIT {PURGED})".encode()
            )
    scripts = [_refreshing(side)] * 2 + same(side.ours.requests()["/account"], 2)
    found = {"nothing": _summary([run(side.server.port, scripts, 4 * seconds)])}
    for command in COMMANDS:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "wsgi", *command.split()],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **side.ours.environ},
            stdout=subprocess.DEVNULL,
        )
        slices = [run(side.server.port, scripts, seconds)]
        while process.poll() is None:
            slices.append(run(side.server.port, scripts, seconds))
        assert process.returncode == 0, command
        found[f"flask {command}"] = _summary(slices)
    return found


def _summary(slices: list[Slice]) -> dict[str, Any]:
    took = sorted(each * 1000 for part in slices for each in part.took)
    return {
        "requests": len(took),
        "seconds": round(sum(part.seconds for part in slices), 1),
        "statuses": dict(sum((part.statuses for part in slices), Counter())),
        "median": round(statistics.median(took), 1),
        "p99": round(took[len(took) * 99 // 100], 1),
        "longest": round(took[-1], 1),
    }


def _sizes(side: Side) -> dict[str, dict[str, int]]:
    with psycopg.connect(side.database_url) as connection:
        return {
            name: {"rows": number, "table": table, "indexes": indexes}
            for name, number, table, indexes in connection.execute(_SIZES)
        }


def _bytes_in_redis(side: Side) -> float:
    """Return what Redis needs for each cached API token."""
    with side.redis.client as client, side.ours.app.app_context():
        client.flushall()
        before = client.info("memory")["used_memory"]
        rows.fill(side.redis, [rows.api_token(side.ours.user.id) for _ in range(CACHED)])
        return round((client.info("memory")["used_memory"] - before) / CACHED)


def _tables(found: dict[str, Any]) -> str:
    """Return what was measured, as a part of a page."""
    few, many = (f"{found['users'][name]:,}" for name in ("few", "many"))
    ratios = [[name, *(f"{each:.2f}" for each in three)] for name, three in found["ratios"].items()]
    longest = [
        [
            name,
            f"{each['requests']:,}",
            *(f"{each[key]:.1f} ms" for key in ("median", "p99", "longest")),
        ]
        for name, each in found["slowest_ms"].items()
    ]
    sizes = [
        [
            name,
            f"{each['rows']:,}",
            f"{each['table'] / 2**20:,.0f} MiB",
            f"{each['indexes'] / 2**20:,.0f} MiB",
            f"{(each['table'] + each['indexes']) / each['rows']:,.0f}",
        ]
        for name, each in found["bytes"].items()
    ]
    heads = (
        ["request", "least", "median", "greatest"],
        ["at the same time", "requests", "median", "p99", "longest"],
        ["table", "rows", "table", "indexes", "bytes a row"],
    )
    parts = [report.table(*each) for each in zip(heads, (ratios, longest, sizes), strict=True)]
    return f"""Measured by `make scale` on {found["machine"]}.

The time of each request with {many} accounts, divided by its time with {few}:

{parts[0]}

Requests with {many} accounts, half of which renew a session, while a command runs:

{parts[1]}

The tables and their indexes:

{parts[2]}

A cached row takes {found["redis_bytes_per_row"]:,} bytes in Redis.
"""


def _write(folder: Path, found: dict[str, Any]) -> None:
    (folder / "scale.json").write_text(json.dumps(found, indent=1) + "\n")
    page = folder / "scale.md"
    text = page.read_text() if page.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n\n{_tables(found)}\n{END}{after}")


if __name__ == "__main__":
    main()
