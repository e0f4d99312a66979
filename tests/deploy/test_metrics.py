"""`/metrics` of the production server returns the totals of all its workers."""

import http.client
import signal
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.servers import AppServer
from tests.support.waiting import PATIENCE_SECONDS, wait_until

TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"
POOL = 3

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[AppServer]:
    server = AppServer(
        {**environ, "METRICS_TOKENS": TOKEN, "DATABASE_POOL_SIZE": str(POOL)}, workers=2
    )
    server.wait_until_ready()
    yield server
    server.close()


def figures(server: AppServer) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def is_told(server: AppServer, name: str, value: float) -> bool:
    """Return whether a worker says so; one that was just killed resets connections."""
    try:
        return figures(server).get(name) == value
    except OSError:
        return False


def workers(server: AppServer) -> list[psutil.Process]:
    children = psutil.Process(server.process.pid).children()
    return [each for each in children if "spawn_main" in " ".join(each.cmdline())]


def test_any_worker_returns_the_totals_of_all(server: AppServer) -> None:
    counted, allowed = (
        "authapp_requests_total/GET//login/200",
        "authapp_database_connections_allowed",
    )
    sent = 0
    # Each worker publishes once a second, from its first request on.
    while figures(server).get(allowed) != 2 * POOL:
        assert server.get("/login").status == HTTPStatus.OK
        sent += 1
    wait_until(lambda: figures(server).get(counted) == sent, "requests are missing")
    assert all(figures(server)[counted] == sent for _ in range(6))

    # The counts of a worker outlive it, but its connections do not.
    workers(server)[0].kill()
    wait_until(lambda: is_told(server, allowed, POOL), "its connections are still counted")
    assert figures(server)[counted] == sent


def test_nothing_is_left_behind_when_the_server_stops(server: AppServer) -> None:
    folder = Path(psutil.Process(workers(server)[0].pid).environ()["PROMETHEUS_MULTIPROC_DIR"])
    assert folder.is_dir()

    server.process.send_signal(signal.SIGTERM)
    server.process.wait()

    assert not folder.exists()
