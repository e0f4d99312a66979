"""The benchmark's own part still runs: tiny counts, authapp alone."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench import breakdown, memory, report, rows, throughput
from tests.bench.load import request
from tests.bench.ours import deployed, same
from tests.support.applications import UNHURRIED
from tests.support.servers import AppServer, RedisServer


@pytest.mark.long
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_request_of_ours_is_answered(database_url: str, redis_server: RedisServer) -> None:
    patient = {**UNHURRIED, "DATABASE_TIMEOUT": "60"}
    with deployed(database_url, redis_server.url, accounts=20, **patient) as ours:
        server = AppServer(ours.environ, threads=8)
        try:
            server.wait_until_ready()
            subjects = throughput.ours(ours, server, None)
            found = throughput.measure(subjects, rounds=1, seconds=0.1)
            refused = throughput.Subject(
                "refused", server.port, same(request("GET", "/auth/check"), 1)
            )
            with pytest.raises(RuntimeError, match=r"refused was answered \{'401'"):
                throughput.measure([refused], rounds=1, seconds=0.1)
            layers = breakdown.microseconds(ours, server, calls=20)
        finally:
            server.close()
        samples = memory.measure(ours, requests=200)
        rows.add(redis_server, 20)
        with redis_server.client as client:
            cached = list(client.scan_iter("token:*"))

    assert len(found) == 10
    assert all(each.per_second[0] > 0 for each in found.values())
    assert "/auth/check" in report.throughput_table(found, list(found))
    assert layers["all"] > 0
    assert "100%" in report.breakdown_table(layers)
    assert [each.refused for each in samples] == [0] * (memory.SAMPLES + 1)
    assert len(cached) >= 20
    assert "200 |" in report.memory_table(samples)


@pytest.mark.long
@pytest.mark.skipif(not find_spec("flask_jwt_extended"), reason="only `make bench` installs them")
def test_every_request_of_the_peers_is_answered(redis_server: RedisServer, tmp_path: Path) -> None:
    with throughput.peers_served(tmp_path, redis_server, workers=1) as (jwt, security):
        found = throughput.measure(throughput.of_peers(jwt, security), rounds=1, seconds=0.1)

    assert len(found) == 7
