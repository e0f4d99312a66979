"""Revocation, and requests per second, while Redis answers, hangs, or is gone."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.bench.load import request, run
from tests.bench.ours import Ours
from tests.bench.report import Measured
from tests.bench.serving import Served
from tests.bench.throughput import Subject, jwt_token, security_token, whole_answer
from tests.support.servers import AppServer, RedisServer

STATES = ("healthy", "frozen", "gone")
SETTLE_SECONDS = 1.0
GIVE_UP_SECONDS = 3.0


@contextmanager
def in_state(redis_server: RedisServer, state: str) -> Iterator[None]:
    """Freeze or end the server, and bring it back."""
    if state == "frozen":
        redis_server.freeze()
    elif state == "gone":
        redis_server.kill()
    yield
    redis_server.revive()


def measure_in_states(
    subjects: list[Subject], redis_server: RedisServer, *, rounds: int, seconds: float
) -> dict[str, Measured]:
    """Measure each subject in each state, round by round; a ratio is to the healthy state."""
    results: dict[str, Measured] = {}
    for each in subjects:
        for state in STATES:
            baseline = "" if state == "healthy" else f"{each.name}, Redis healthy"
            name = f"{each.name}, Redis {state}"
            results[name] = Measured(name, baseline)
    for _ in range(rounds):
        for state in STATES:
            with in_state(redis_server, state):
                for each in subjects:
                    run(each.port, each.scripts, SETTLE_SECONDS)
                for each in subjects:
                    taken = run(each.port, each.scripts, seconds)
                    results[f"{each.name}, Redis {state}"].add(taken)
    return results


@dataclass
class Revoked:
    """What happened to tokens that one process revoked, when another was asked at once."""

    name: str
    state: str
    endings: Counter[int] = field(default_factory=Counter)
    first_answers: Counter[int] = field(default_factory=Counter)
    delays_ms: list[float] = field(default_factory=list)
    after_restart: Counter[int] = field(default_factory=Counter)


@dataclass
class Library:
    """How to sign in, to ask and to revoke, in two processes on the same servers."""

    name: str
    ports: tuple[int, int]
    sign_in: Callable[[], dict[str, str]]
    asked: str
    revoked: tuple[str, str]


def libraries(
    deployment: Ours,
    ours: tuple[AppServer, AppServer],
    jwt: tuple[Served, Served],
    security: tuple[Served, Served],
) -> list[Library]:
    """Return authapp and the two libraries, each in two processes."""

    def begin() -> dict[str, str]:
        return {"Authorization": f"Bearer {deployment.begin().access_token}"}

    def sign_in_by_jwt() -> dict[str, str]:
        return {"Authorization": f"Bearer {jwt_token(jwt[0].port)}"}

    def sign_in_by_token() -> dict[str, str]:
        return {"Authentication-Token": security_token(security[0].port)}

    def ports(pair: tuple[AppServer, AppServer] | tuple[Served, Served]) -> tuple[int, int]:
        return pair[0].port, pair[1].port

    out = ("POST", "/api/v1/logout")
    return [
        Library("authapp", ports(ours), begin, "/auth/check", out),
        Library("Flask-JWT-Extended", ports(jwt), sign_in_by_jwt, "/check", ("POST", "/logout")),
        Library(
            "Flask-Security-Too", ports(security), sign_in_by_token, "/check", ("POST", "/end")
        ),
    ]


def revoke(library: Library, redis_server: RedisServer, state: str, times: int) -> Revoked:
    """Revoke a token in one process and ask the other, so many times."""
    found = Revoked(library.name, state)
    for _ in range(times):
        headers = library.sign_in()
        asked = request("GET", library.asked, {**headers, "Accept": "application/json"})
        for port in library.ports:
            assert _status(port, asked) == 204, library.name
        with in_state(redis_server, state):
            _revoke_once(library, headers, asked, found)
        if state == "gone":
            found.after_restart[_status(library.ports[1], asked)] += 1
    return found


def _revoke_once(library: Library, headers: dict[str, str], asked: bytes, found: Revoked) -> None:
    found.endings[_status(library.ports[0], request(*library.revoked, headers))] += 1
    ended = time.perf_counter()
    status = _status(library.ports[1], asked)
    found.first_answers[status] += 1
    while status == 204 and time.perf_counter() < ended + GIVE_UP_SECONDS:
        status = _status(library.ports[1], asked)
    if status == 401:
        found.delays_ms.append((time.perf_counter() - ended) * 1000)


def _status(port: int, sent: bytes) -> int:
    return int(whole_answer(port, sent)[9:12])


def lost_blocklist(library: Library, redis_server: RedisServer) -> int:
    """Return what a revoked token is answered after Redis has lost what it held."""
    headers = library.sign_in()
    asked = request("GET", library.asked, {**headers, "Accept": "application/json"})
    _status(library.ports[0], request(*library.revoked, headers))
    redis_server.kill()
    redis_server.revive()
    return _status(library.ports[1], asked)
