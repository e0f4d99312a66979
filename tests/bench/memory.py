"""How much memory a worker holds while it answers many requests with many different tokens."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

from authapp.domain import sessions, signing_keys
from authapp.token_cache import token_cache
from tests.bench.load import Script, request, run
from tests.bench.ours import Ours, same
from tests.support.servers import AppServer

SAMPLES = 10
TOKENS = 500
"""Different access tokens; a worker remembers the verdict on each."""

READS = ("/auth/check, API token", "/auth/check, refresh cookie", "/api/v1/me", "/account")


@dataclass
class Sample:
    """A worker's resident memory after so many requests."""

    requests: int
    mebibytes: float
    refused: int


def measure(deployment: Ours, requests: int) -> list[Sample]:
    """Return a sample before the first request, and then after each tenth of them."""
    scripts = _scripts(deployment)
    with _one_worker(deployment) as (server, worker):
        found = [Sample(0, _mebibytes(worker), 0)]
        for number in range(1, SAMPLES + 1):
            taken = run(server.port, scripts, seconds=3600, limit=requests // SAMPLES)
            refused = sum(n for status, n in taken.statuses.items() if status not in ("200", "204"))
            found.append(Sample(requests * number // SAMPLES, _mebibytes(worker), refused))
    return found


def _scripts(deployment: Ours) -> list[Script]:
    """Return what 16 clients send: half check different tokens, and two renew their sessions."""
    sent = deployment.requests()
    reads = [script for name in READS for script in same(sent[name], 1)]
    introspecting = same(sent["/oauth/introspect"], 2)
    return [*_checking(deployment, 8), *reads, *introspecting, *deployment.refreshing(2)]


def _checking(deployment: Ours, number: int) -> list[Script]:
    """Return scripts that check a different access token each time."""
    with deployment.app.app_context():
        session = token_cache.get_refresh_token_by_id(deployment.session.identity.session_id)
        assert session is not None
        signer = signing_keys.signer()
        tokens = [sessions.tokens_of(session, signer).access_token for _ in range(TOKENS)]
    turn = itertools.cycle(
        request("GET", "/auth/check", {"Authorization": f"Bearer {token}"}) for token in tokens
    )
    return [lambda _: next(turn)] * number


@contextmanager
def _one_worker(deployment: Ours) -> Iterator[tuple[AppServer, psutil.Process]]:
    server = AppServer(deployment.environ, workers=1, threads=8)
    try:
        server.wait_until_ready()
        children = psutil.Process(server.process.pid).children()
        yield server, max(children, key=_mebibytes)
    finally:
        server.close()


def _mebibytes(process: psutil.Process) -> float:
    return float(process.memory_info().rss / 2**20)
