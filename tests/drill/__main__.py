"""Cause real faults under traffic, and check what the product promises: `make drill`.

Prints a table of the answers to each kind of request during each fault, and exits with 1 if a
promise is broken. tests/drill/faults.py lists the faults and the promises.
"""

import argparse
import logging
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from authapp.services import sign_out
from tests.bench.load import always, request
from tests.bench.ours import Ours, deployed, same
from tests.drill import report
from tests.drill.faults import CHECK, ENDED, FAULTS, HEALTH, PAGE, RENEWAL, SIGN_IN, Fault, Stage
from tests.drill.traffic import Answers, Kind, Traffic
from tests.support.accounts import HERE
from tests.support.servers import AppServer, PostgresServer, RedisServer

WORKERS, THREADS = 2, 8
ACCOUNTS = 300
WARM_UP_SECONDS = 1.0
RECOVERY_SECONDS = 2.0
"""Between faults: Redis is trusted again a second after its return, if the database answers."""


def main() -> int:
    """Run the drill; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time for each fault")
    parser.add_argument("--only", default="", help="only faults whose name contains this")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    postgres = PostgresServer()
    try:
        faults = [each for each in FAULTS if given.only in each.name or each is FAULTS[0]]
        broken = run(postgres, faults, scale=0.1 if given.quick else 1.0)
    finally:
        postgres.close()
    for promise in broken:
        say(f"BROKEN: {promise}")
    return 1 if broken else 0


def run(postgres: PostgresServer, faults: Sequence[Fault], *, scale: float) -> list[str]:
    """Cause each fault, print what was answered, and return which promises were broken."""
    broken: list[str] = []
    idle_ms = 0.0
    say(report.header())
    with staged(postgres) as (ours, stage):
        cause(FAULTS[0], ours, stage, WARM_UP_SECONDS)
        for fault in faults:
            found = cause(fault, ours, stage, fault.seconds * scale)
            for row in report.rows(fault, found):
                say(row)
            idle_ms = idle_ms or found[CHECK].p99_ms
            broken += report.wrong_answers(fault, found)
            broken += report.slow_answers(fault, found, idle_ms)
    return broken


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def staged(postgres: PostgresServer, **changes: str) -> Iterator[tuple[Ours, Stage]]:
    """Serve authapp as it is shipped, except for `changes` of its settings."""
    with ExitStack() as stack:
        redis = RedisServer().start()
        stack.callback(redis.close)
        url = postgres.url(postgres.create())
        ours = stack.enter_context(deployed(url, redis.url, accounts=ACCOUNTS))
        # On a busy machine, a worker takes long to start.
        environ = {**ours.environ, "PASSWORD_HASHERS": "", "SERVE_START_TIMEOUT": "20", **changes}
        server = AppServer(environ, workers=WORKERS, threads=THREADS)
        stack.callback(server.close)
        server.wait_until_ready()
        yield ours, Stage(server, redis, postgres, WORKERS)


def cause(fault: Fault, ours: Ours, stage: Stage, seconds: float) -> dict[str, Answers]:
    """Return the answers to each kind of request from before a fault until after it."""
    traffic = Traffic(stage.app.port, kinds(ours, sign_ins=fault.sign_ins))
    traffic.start()
    try:
        fault.happens(stage, seconds)
        threading.Event().wait(RECOVERY_SECONDS)
    finally:
        traffic.stop()
    return traffic.answers


def kinds(ours: Ours, *, sign_ins: int) -> list[Kind]:
    """Return the requests of a busy site."""
    sent = ours.requests()
    checks = [always(sent["/auth/check, JWT"]), always(sent["/auth/check, API token"])]
    return [
        Kind(CHECK, checks * 2, 0.02),
        Kind(HEALTH, [always(sent["/healthz"])], 0.02),
        Kind(ENDED, [always(_with_ended_session(ours))], 0.05),
        Kind(PAGE, same(sent["/account"], 24), 0.25),
        Kind(RENEWAL, ours.refreshing(2), 0.25),
        Kind(SIGN_IN, ours.signing_in(sign_ins), 0.5, is_patient=True),
    ]


def _with_ended_session(ours: Ours) -> bytes:
    """Return a request with the token of a session that has ended."""
    ended = ours.begin()
    with ours.app.app_context():
        sign_out.sign_out(ended.identity, client=HERE)
    return request("GET", "/auth/check", {"Authorization": f"Bearer {ended.access_token}"})


if __name__ == "__main__":
    sys.exit(main())
