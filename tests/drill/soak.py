"""Mixed traffic for a long time, while Redis and the servers are restarted: `make soak`.

Two servers behind nginx, one process each. Redis is restarted, empty, every minute, and both
servers are replaced one after another halfway. Prints what was answered and how much memory the
processes held, and exits with 1 if there was an error, if a revoked token was accepted, or if
memory grew.
"""

import argparse
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tests.bench.load import Script, always, request
from tests.bench.ours import Ours, deployed
from tests.drill import report
from tests.drill.faults import CHECK, ENDED, HEALTH, NORMAL, PAGE, RENEWAL, SIGN_IN, Fault
from tests.drill.kinds import with_ended_session
from tests.drill.resident import Resident
from tests.drill.revocations import REVOKED, Revocations
from tests.drill.traffic import Answers, Kind, Traffic
from tests.support.proxies import NGINX, balancer
from tests.support.servers import AppServer, PostgresServer, RedisServer, free_port

SERVERS, THREADS, ACCOUNTS = 2, 8, 300
INTROSPECTION: Final = "/oauth/introspect"
SAMPLE_SECONDS: Final = 0.5
NEW_SESSION_SECONDS: Final = 1800
"""Half of what an access token lives."""

ALLOWED: Final = {
    **{kind: {*statuses, "503"} for kind, statuses in NORMAL.items()},
    INTROSPECTION: {"200", "503"},
    REVOKED: {"401", "503"},
}
"""A 503 has Retry-After: some request may have to wait for the database or the queue."""


def main() -> int:
    """Run the soak; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000_000)
    parser.add_argument("--restart-seconds", type=float, default=60, help="between restarts")
    parser.add_argument("--minutes", type=float, default=180, help="the longest time")
    given = parser.parse_args()
    if not NGINX:
        raise SystemExit("nginx is missing: run make proxy")
    logging.disable(logging.WARNING)
    postgres = PostgresServer()
    limit = Limit(given.requests, given.minutes * 60, given.restart_seconds, _say)
    try:
        found = run(postgres, limit)
    finally:
        postgres.close()
    wrong = found.wrong() + found.resident.grown()
    for line in [*found.lines(), *(f"BROKEN: {line}" for line in wrong)]:
        _say(line)
    return 1 if wrong else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class Limit:
    """How many requests to send, for how long at most, and how often Redis is restarted."""

    requests: int
    seconds: float
    restart_seconds: float
    report: Callable[[str], None] = lambda _: None

    def halves(self) -> tuple["Limit", "Limit"]:
        """Return the limits at which the first and the second half end."""
        until = replace(self, seconds=self.seconds / 2)
        return replace(until, requests=self.requests // 2), until


@dataclass
class Soaked:
    """What happened during the soak."""

    resident: Resident
    answers: dict[str, Answers] = field(default_factory=dict)
    seconds: float = 0.0
    redis_restarts: int = 0
    servers_replaced: int = 0

    def wrong(self, also: Mapping[str, set[str]] | None = None) -> list[str]:
        """Return a line for each kind of answer that must not happen, unless it is allowed, too."""
        lines = []
        for kind, answers in self.answers.items():
            allowed = ALLOWED[kind] | (also or {}).get(kind, set())
            for status in sorted(answers.statuses.keys() - allowed):
                lines.append(f"{kind} was answered {answers.statuses[status]} times with {status}")
            if answers.without_retry_after:
                lines.append(f"{kind} was answered with 503 without Retry-After")
            if not answers.took_ms:
                lines.append(f"{kind} was not answered")
        return lines

    def lines(self) -> Iterator[str]:
        """Yield the report."""
        total = sum(len(each.took_ms) for each in self.answers.values())
        yield (
            f"{total} requests in {self.seconds:.0f} seconds; Redis was restarted "
            f"{self.redis_restarts} times, and {self.servers_replaced} servers were replaced"
        )
        yield report.header()
        yield from report.rows(Fault("soak", lambda _stage, _seconds: None, 0), self.answers)
        yield from self.resident.lines()


def run(postgres: PostgresServer, limit: Limit, **changes: str) -> Soaked:
    """Send requests up to the limit, and return what happened; `changes` are settings."""
    with _staged(postgres, changes) as stage:
        found = Soaked(Resident())
        traffic = Traffic(stage.port, kinds(stage.ours))
        revocations = Revocations(stage.port, stage.ours.emails)
        began = time.monotonic()
        traffic.start()
        revocations.start()
        try:
            first, second = limit.halves()
            _restart_redis(stage, traffic, first, found)
            for number in range(SERVERS):
                stage.replace(number)
                found.servers_replaced += 1
            _restart_redis(stage, traffic, second, found)
        finally:
            revocations.stop()
            traffic.stop()
        if revocations.failure is not None:
            raise revocations.failure
        found.seconds = time.monotonic() - began
        found.answers = {**traffic.answers, REVOKED: revocations.answers}
        return found


def kinds(ours: Ours) -> list[Kind]:
    """Return requests that follow each other without a pause, except those that are costly."""
    checks = [
        _lasting(ours, f"/auth/check, {kind}")
        for kind in ("JWT", "API token", "access cookie", "refresh cookie")
    ]
    return [
        Kind(CHECK, checks, 0),
        Kind(HEALTH, [always(request("GET", "/healthz"))], 0.05),
        Kind(ENDED, [always(with_ended_session(ours))], 0.01),
        Kind(INTROSPECTION, [_lasting(ours, INTROSPECTION)], 0.01),
        Kind(PAGE, [_lasting(ours, PAGE) for _ in range(2)], 0.02),
        Kind(RENEWAL, ours.refreshing(2), 0.05),
        Kind(SIGN_IN, ours.signing_in(1), 0.5, is_patient=True),
    ]


def _lasting(ours: Ours, name: str) -> Script:
    """Return a script that repeats one request, with another session before the old one ends."""
    sent, since = ours.requests()[name], time.monotonic()

    def next_one(_: bytes) -> bytes:
        nonlocal sent, since
        if time.monotonic() - since > NEW_SESSION_SECONDS:
            sent, since = replace(ours, session=ours.begin()).requests()[name], time.monotonic()
        return sent

    return next_one


class Stage:
    """The servers, with their log in a file, and the proxy's port."""

    def __init__(
        self, ours: Ours, redis: RedisServer, environ: dict[str, str], port: int, log: Path
    ) -> None:
        self.ours, self.redis, self.port = ours, redis, port
        self._environ, self._log = environ, log
        self.servers = [self._start() for _ in range(SERVERS)]

    def _start(self, port: int = 0) -> AppServer:
        with self._log.open("ab") as log:
            return AppServer(self._environ, threads=THREADS, port=port, log=log)

    def replace(self, number: int) -> None:
        """Stop a server, and start another one in its place."""
        old = self.servers[number]
        old.close()
        self.servers[number] = self._start(old.port)
        self.servers[number].wait_until_ready()

    def close(self) -> None:
        for server in self.servers:
            server.close()


@contextmanager
def _staged(postgres: PostgresServer, changes: dict[str, str]) -> Iterator[Stage]:
    with ExitStack() as stack:
        redis = RedisServer().start()
        stack.callback(redis.close)
        url = postgres.url(postgres.create())
        ours = stack.enter_context(deployed(url, redis.url, accounts=ACCOUNTS))
        environ = {**ours.environ, "PASSWORD_HASHERS": "", **changes}
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authapp-soak-")))
        stage = Stage(ours, redis, environ, free_port(), folder / "log")
        stack.callback(stage.close)
        for server in stage.servers:
            server.wait_until_ready()
        stack.enter_context(balancer(folder, stage.port, [each.port for each in stage.servers]))
        yield stage


def _restart_redis(stage: Stage, traffic: Traffic, limit: Limit, found: Soaked) -> None:
    """Restart Redis at intervals, at least once, until the limit is reached."""
    before, began = found.redis_restarts, time.monotonic()
    restarted = began
    while found.redis_restarts == before or (
        traffic.answered < limit.requests and time.monotonic() - began < limit.seconds
    ):
        threading.Event().wait(SAMPLE_SECONDS)
        found.resident.sample(stage.servers)
        if time.monotonic() - restarted >= limit.restart_seconds:
            stage.redis.kill()
            stage.redis.revive()
            found.redis_restarts += 1
            restarted = time.monotonic()
            limit.report(f"{traffic.answered} requests, {found.resident.now()}")


if __name__ == "__main__":
    sys.exit(main())
