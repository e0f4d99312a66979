"""The faults of the drill, and which answers the product promises during each."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tests.support.servers import AppServer, PostgresServer, RedisServer
from tests.support.waiting import wait_until

UNHURRIED: Final = {"CACHE_TIMEOUT": "1000", "CACHE_CONNECT_TIMEOUT": "1000"}
"""On a busy machine, Redis may answer late; without the database too, nothing can be checked."""

CHECK, HEALTH, ENDED, PAGE, RENEWAL, SIGN_IN = (
    "/auth/check",
    "/healthz",
    "/auth/check, ended session",
    "/account",
    "/api/v1/refresh",
    "/api/v1/login",
)

NORMAL: Final[dict[str, set[str]]] = {
    CHECK: {"204"},
    HEALTH: {"200"},
    ENDED: {"401"},
    PAGE: {"200"},
    RENEWAL: {"200"},
    SIGN_IN: {"200", "503"},
}
"""The answers that are always right; a sign-in may find the queue for hashing full."""

_BUSY: Final = {"503"}
_HUNG_UP: Final = {"none"}


@dataclass(frozen=True)
class Stage:
    """The servers that faults happen to."""

    app: AppServer
    redis: RedisServer
    postgres: PostgresServer
    workers: int


@dataclass(frozen=True)
class Fault:
    """What happens, for how long, and what the answers may be besides the normal ones.

    `slowest_check_ms` limits the 99th percentile of checks whose answer is in the cache.
    """

    name: str
    happens: Callable[[Stage, float], None]
    seconds: float
    also: dict[str, set[str]] = field(default_factory=dict)
    slowest_check_ms: float = 250.0
    sign_ins: int = 2


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _nothing(_: Stage, seconds: float) -> None:
    _wait(seconds)


def _kill_redis(stage: Stage, seconds: float) -> None:
    stage.redis.kill()
    _wait(seconds)
    stage.redis.revive()


def _freeze_redis(stage: Stage, seconds: float) -> None:
    stage.redis.freeze()
    _wait(seconds)
    stage.redis.revive()


def _restart_redis(stage: Stage, seconds: float) -> None:
    stage.redis.kill()
    stage.redis.revive()
    _wait(seconds)


def _freeze_postgres(stage: Stage, seconds: float) -> None:
    with stage.postgres.frozen():
        _wait(seconds)


def _restart_postgres(stage: Stage, seconds: float) -> None:
    stage.postgres.restart()
    _wait(seconds)


def _kill_worker(stage: Stage, seconds: float) -> None:
    with replaced(stage.app, 1):
        stage.app.workers()[0].kill()
    _wait(seconds)


def _replace_workers(stage: Stage, seconds: float) -> None:
    with replaced(stage.app, stage.workers):
        stage.app.process.send_signal(signal.SIGHUP)
    _wait(seconds)


@contextmanager
def replaced(app: AppServer, number: int) -> Iterator[None]:
    """Wait until this many workers have been replaced."""
    before = {each.pid for each in app.workers()}
    yield

    def is_done() -> bool:
        now = {each.pid for each in app.workers()}
        return len(now) == len(before) and len(now - before) == number

    wait_until(is_done, "the workers were not replaced", seconds=120)


_WITHOUT_DATABASE: Final = dict.fromkeys((PAGE, RENEWAL, SIGN_IN, ENDED), _BUSY)

FAULTS: Final = (
    Fault("none", _nothing, 4),
    Fault("60 people sign in", _nothing, 8, sign_ins=60),
    Fault("Redis is killed", _kill_redis, 4),
    Fault("Redis is frozen", _freeze_redis, 4),
    Fault("Redis is restarted, empty", _restart_redis, 3),
    Fault("PostgreSQL is frozen", _freeze_postgres, 12, also=_WITHOUT_DATABASE),
    Fault("PostgreSQL is restarted", _restart_postgres, 3, also=_WITHOUT_DATABASE),
    Fault(
        "a worker is killed",
        _kill_worker,
        1,
        also=dict.fromkeys(NORMAL, _HUNG_UP),
        slowest_check_ms=1000,
    ),
    Fault("the workers are replaced (SIGHUP)", _replace_workers, 1, slowest_check_ms=1000),
)
