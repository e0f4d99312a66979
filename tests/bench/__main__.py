"""Measures everything and writes docs/performance.md and docs/performance.json: `make bench`."""

import argparse
import logging
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from authapp import ROOT
from tests.bench import breakdown, memory, outages, report, rows, servers, throughput
from tests.bench.ours import Ours, deployed
from tests.bench.report import Measured
from tests.bench.serving import Served
from tests.support.servers import AppServer, RedisServer

SIGN_INS = 400
PEER_REVOCATIONS = 20
OUTAGES = 5
"""Revocations in each other state of Redis, which freezes or ends before each of them."""


@dataclass
class Plan:
    """How much to measure."""

    rounds: int
    seconds: float
    revocations: int
    requests: int
    many: int
    folder: Path


def main() -> None:
    """Measure one thing after another."""
    plan = _plan()
    logging.disable(logging.WARNING)
    began = time.monotonic()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="authapp-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        redis_server = RedisServer().start()
        stack.callback(redis_server.close)
        url = f"sqlite:///{folder}/authapp.db"
        ours = stack.enter_context(deployed(url, redis_server.url, accounts=SIGN_INS))
        for part in (_throughput, _breakdown, _servers, _revocation, _rows, _memory):
            found |= part(plan, ours, redis_server, folder)
    text = report.text(found, many=plan.many, rounds=plan.rounds, seconds=plan.seconds)
    everything = {"machine": report.machine(), "seconds": round(time.monotonic() - began)}
    for title, part_found in found.items():
        everything[title] = _as_json(part_found)
    report.write(plan.folder, text, everything)


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, to see that it runs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.7, help="of each slice")
    parser.add_argument("--revocations", type=int, default=1_000, help="of authapp's sessions")
    parser.add_argument("--requests", type=int, default=100_000, help="to watch a worker's memory")
    parser.add_argument("--many", type=int, default=50_000, help="rows of the large database")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="where to write")
    given = parser.parse_args()
    if given.quick:
        return Plan(1, 0.2, 2, 2_000, 1_000, given.folder)
    amounts = given.revocations, given.requests, given.many
    return Plan(given.rounds, given.seconds, *amounts, given.folder)


def _as_json(found: Any) -> Any:
    if isinstance(found, dict):
        return {
            name: each.as_json() if isinstance(each, Measured) else each
            for name, each in found.items()
        }
    # Not asdict, which rebuilds a Counter from its pairs.
    return [vars(each) for each in found]


def _throughput(plan: Plan, ours: Ours, redis_server: RedisServer, folder: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        server = AppServer(ours.environ, workers=2, threads=8)
        stack.callback(server.close)
        server.wait_until_ready()
        answers = folder / "answers.json"
        throughput.record_answers(ours, server, answers)
        bare = Served({"BENCH_ANSWERS": str(answers)}, target="tests.bench.peers:bare")
        stack.callback(bare.close)
        bare.wait_until_ready()
        jwt, security = stack.enter_context(throughput.peers_served(folder, redis_server))
        subjects = [
            *throughput.ours(ours, server, bare),
            *throughput.of_peers(jwt, security),
        ]
        results = throughput.measure(subjects, rounds=plan.rounds, seconds=plan.seconds)
        wanted = {"authapp: /auth/check, JWT", "authapp: /api/v1/me", "authapp: /account"}
        wanted.add("Flask-JWT-Extended: a check")
        states = outages.measure_in_states(
            [each for each in subjects if each.name in wanted],
            redis_server,
            rounds=min(plan.rounds, 3),
            seconds=plan.seconds,
        )
    return {"throughput": results, "redis_states": states}


def _breakdown(plan: Plan, ours: Ours, _redis: RedisServer, _folder: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        server = AppServer(ours.environ, workers=1, threads=8)
        stack.callback(server.close)
        server.wait_until_ready()
        calls = min(plan.requests, 5_000)
        return {"breakdown_microseconds": breakdown.microseconds(ours, server, calls)}


def _memory(plan: Plan, ours: Ours, _redis: RedisServer, _folder: Path) -> dict[str, Any]:
    return {"memory": memory.measure(ours, plan.requests)}


def _servers(plan: Plan, ours: Ours, _redis: RedisServer, _folder: Path) -> dict[str, Any]:
    with servers.compared(ours) as subjects:
        return {"servers": throughput.measure(subjects, rounds=plan.rounds, seconds=plan.seconds)}


def _revocation(plan: Plan, ours: Ours, redis_server: RedisServer, folder: Path) -> dict[str, Any]:
    with ExitStack() as stack:
        pair = AppServer(ours.environ, threads=8), AppServer(ours.environ, threads=8)
        for each in pair:
            stack.callback(each.close)
            each.wait_until_ready()
        peers = [
            stack.enter_context(throughput.peers_served(folder, redis_server, workers=1))
            for _ in range(2)
        ]
        jwt, security = zip(*peers, strict=True)
        found = []
        for library in outages.libraries(ours, pair, jwt, security):
            for state in outages.STATES:
                most = plan.revocations if library.name == "authapp" else PEER_REVOCATIONS
                times = most if state == "healthy" else min(most, OUTAGES)
                found.append(outages.revoke(library, redis_server, state, times))
            found[-3].after_restart[outages.lost_blocklist(library, redis_server)] += 1
    return {"revocation": found}


def _rows(plan: Plan, ours: Ours, redis_server: RedisServer, folder: Path) -> dict[str, Any]:
    many_redis = RedisServer().start()
    with ExitStack() as stack:
        stack.callback(many_redis.close)
        url = f"sqlite:///{folder}/many.db"
        many = stack.enter_context(deployed(url, many_redis.url))
        rows.add(many_redis, plan.many)
        pair = [AppServer(each.environ, workers=2, threads=8) for each in (ours, many)]
        for server in pair:
            stack.callback(server.close)
            server.wait_until_ready()
        few_port, many_port = (server.port for server in pair)
        found = throughput.measure(
            rows.subjects((ours, few_port), (many, many_port)),
            rounds=plan.rounds,
            seconds=plan.seconds,
        )
    return {"rows": found}


if __name__ == "__main__":
    main()
