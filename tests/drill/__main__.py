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

from tests.bench.ours import Ours, deployed
from tests.drill import report, rotation, sign_ins
from tests.drill.faults import CHECK, FAULTS, SIGN_IN, Fault, Stage
from tests.drill.kinds import kinds
from tests.drill.traffic import Answers, Traffic
from tests.support.proxies import NGINX
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
        scale = 0.1 if given.quick else 1.0
        compares = given.only in sign_ins.NAME
        broken = run(postgres, faults, scale=scale, compares=compares)
        if given.only in rotation.ROTATION.name:
            broken += rotate(postgres)
    finally:
        postgres.close()
    for promise in broken:
        say(f"BROKEN: {promise}")
    return 1 if broken else 0


def run(
    postgres: PostgresServer, faults: Sequence[Fault], *, scale: float, compares: bool
) -> list[str]:
    """Cause each fault, print what was answered, and return which promises were broken.

    `compares` also compares sign-ins with what the hashing pool allows.
    """
    broken: list[str] = []
    idle_ms = 0.0
    say(report.header())
    with staged(postgres) as (ours, stage):
        cause(FAULTS[0], ours, stage, WARM_UP_SECONDS)
        if compares:
            broken += compare_sign_ins(ours, stage, scale)
        for fault in faults:
            found = cause(fault, ours, stage, fault.seconds * scale)
            for row in report.rows(fault, found):
                say(row)
            idle_ms = idle_ms or found[CHECK].p99_ms
            broken += report.wrong_answers(fault, found)
            broken += report.slow_answers(fault, found, idle_ms)
    return broken


def compare_sign_ins(ours: Ours, stage: Stage, scale: float) -> list[str]:
    """Measure how many sign-ins succeed; return a line if the hashing pool allows more."""
    found = sign_ins.measure(ours, stage, seconds=sign_ins.SECONDS * scale)
    say(report.row(sign_ins.NAME, SIGN_IN, answers=found.row()))
    return sign_ins.broken(found)


def rotate(postgres: PostgresServer) -> list[str]:
    """Replace every secret and server under traffic; return which promises were broken."""
    if not NGINX:
        say("nginx is missing: secrets and servers were not replaced")
        return []
    found, lost = rotation.run(postgres, accounts=ACCOUNTS)
    for row in report.rows(rotation.ROTATION, found):
        say(row)
    return [*report.wrong_answers(rotation.ROTATION, found), *lost]


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


if __name__ == "__main__":
    sys.exit(main())
