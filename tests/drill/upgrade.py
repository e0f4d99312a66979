"""Upgrade from an earlier release under traffic, as docs/upgrade.md says: `make upgrade-drill`.

Both releases use one database and one Redis, behind nginx. After the upgrade, it goes back to the
earlier release on the migrated tables. Prints the answers to each kind of request in each step, and
exits with 1 if any was an error, or if a session was lost.
"""

import argparse
import itertools
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.bench.load import Script, always, request
from tests.bench.ours import JSON, same
from tests.drill import report
from tests.drill.faults import CHECK, ENDED, HEALTH, NORMAL, PAGE, RENEWAL, SIGN_IN, Fault
from tests.drill.release import ACCOUNTS, Release, earlier, last_release, this_one
from tests.drill.traffic import Answers, Client, Kind, Traffic
from tests.support.accounts import PASSWORD
from tests.support.applications import settings
from tests.support.proxies import NGINX, balancer
from tests.support.servers import AppServer, PostgresServer, RedisServer, free_port
from tests.support.waiting import wait_until

SETTINGS: Final = {
    "TRUSTED_PROXIES": "1",
    # All traffic comes from one address.
    "REQUEST_BUDGET": "0",
    "ACCESS_TOKEN_LIFETIME": "3600",
}
REQUIRED: Final = (
    "ENVIRONMENT",
    "SECRET_KEY",
    "KEY_ENCRYPTION_KEYS",
    "CACHE_SEALING_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
    "PUBLIC_URL",
)
"""Settings of every release; the values of others have changed."""

HELD: Final = 10
"""Sessions that begin before the upgrade, and have to be renewed after going back."""

ALLOWED: Final = {**NORMAL, SIGN_IN: {"200"}}

Step = tuple[str, Callable[[], None]]


def main() -> int:
    """Run the drill; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="commit", default="", help="a tag or commit")
    parser.add_argument("--seconds", type=float, default=4, help="how long each step lasts")
    given = parser.parse_args()
    if not NGINX:
        raise SystemExit("nginx is missing: run make proxy")
    logging.disable(logging.WARNING)
    commit = given.commit or last_release()
    _say(f"upgrading from {commit}")
    postgres = PostgresServer()
    try:
        wrong = run(postgres, commit, given.seconds)
    finally:
        postgres.close()
    for line in wrong:
        _say(f"BROKEN: {line}")
    return 1 if wrong else 0


def run(postgres: PostgresServer, commit: str, seconds: float) -> list[str]:
    """Upgrade and go back, print what was answered, and return what went wrong."""
    with ExitStack() as stack:
        redis = RedisServer().start()
        stack.callback(redis.close)
        common = settings(postgres.url(postgres.create()), redis.url)
        environ = {name: common[name] for name in REQUIRED} | SETTINGS
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authapp-upgrade-")))
        log = folder / "log"
        old, new = stack.enter_context(earlier(commit, environ, log)), this_one(environ, log)
        for words in (["db", "upgrade"], ["keys", "ensure"]):
            old.command(*words)
        old.add_accounts()
        stage = Stage(old, new)
        stack.callback(stage.close)
        port = free_port()
        stack.enter_context(balancer(folder, port, stage.ports))
        before = Visitor(port)
        held = [before.sign_in(number)["refresh_token"] for number in range(HELD)]
        wrong = _take_steps(stage, port, seconds)
        refused = [status for status in map(before.renew, held) if status != "200"]
        wrong += [f"{len(refused)} of {HELD} sessions were lost"] * bool(refused)
        logged = log.read_text().splitlines() if wrong else []
        return wrong + [line for line in logged if " ERROR " in line or " CRITICAL " in line]


class Stage:
    """Two places behind the proxy, and the server in each."""

    def __init__(self, old: Release, new: Release) -> None:
        self._old, self._new = old, new
        self.ports = [free_port(), free_port()]
        self._servers: list[AppServer | None] = [None, None]
        self.start(0, old)

    def steps(self) -> list[Step]:
        """Return what happens, in order; each goes on under traffic."""
        old, new = self._old, self._new
        return [
            ("the last release", lambda: None),
            ("the tables are migrated", lambda: new.command("db", "upgrade")),
            ("the last release on new tables", lambda: None),
            ("this release starts beside it", lambda: self.start(1, new)),
            ("both serve", lambda: None),
            ("the last release stops", lambda: self.stop(0)),
            ("this release", lambda: None),
            ("going back: the last one starts", lambda: self.start(0, old)),
            ("this release stops", lambda: self.stop(1)),
            ("the last release again", lambda: None),
        ]

    def start(self, place: int, release: Release) -> None:
        server = release.serve(self.ports[place])
        self._servers[place] = server
        server.wait_until_ready()
        wait_until(lambda: server.get("/readyz").status == 200, "it is not ready", seconds=60)

    def stop(self, place: int) -> None:
        server, self._servers[place] = self._servers[place], None
        if server is not None:
            server.close()

    def close(self) -> None:
        for place in (0, 1):
            self.stop(place)


def _take_steps(stage: Stage, port: int, seconds: float) -> list[str]:
    wrong: list[str] = []
    traffic = Traffic(port, kinds(Visitor(port)))
    _say(report.header())
    traffic.start()
    try:
        for name, happens in stage.steps():
            happens()
            threading.Event().wait(seconds)
            found = traffic.take()
            step = Fault(name, lambda _stage, _seconds: None, 0)
            for row in report.rows(step, found):
                _say(row)
            wrong += _errors(name, found)
    finally:
        traffic.stop()
    return wrong


def _errors(name: str, found: dict[str, Answers]) -> Iterator[str]:
    for kind, answers in found.items():
        for status in sorted(answers.statuses.keys() - ALLOWED[kind]):
            yield f"{name}: {kind} was answered {answers.statuses[status]} times with {status}"
        if not answers.took_ms:
            yield f"{name}: {kind} was not answered"


class Visitor:
    """Uses a release through its API alone, so that any release will do."""

    def __init__(self, port: int) -> None:
        self._client = Client(port)

    def sign_in(self, number: int) -> dict[str, Any]:
        return self._post("login", {**_credentials(number), "remember": True})

    def renew(self, refresh_token: str) -> str:
        """Renew a session, and return the status of the answer."""
        return self._client.ask(_posting("refresh", {"refresh_token": refresh_token})).status

    def new_api_token(self, access_token: str) -> str:
        wanted = {"name": "program", "scopes": ["account:read"], "expires_at": None}
        return str(self._post("tokens", wanted, _bearing(access_token))["value"])

    def end(self, access_token: str) -> None:
        self._post("logout", None, _bearing(access_token))

    def _post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        answer = self._client.ask(_posting(path, body, headers))
        assert answer.status.startswith("2"), f"{path}: {answer.status} {answer.raw!r}"
        body = answer.raw.partition(b"\r\n\r\n")[2]
        return json.loads(body) if body else None


def kinds(visitor: Visitor) -> list[Kind]:
    """Return the requests of a busy site."""
    access_token = visitor.sign_in(0)["access_token"]
    api_token = visitor.new_api_token(access_token)
    ended = visitor.sign_in(0)["access_token"]
    visitor.end(ended)
    checks = [always(_checking(token)) for token in (access_token, api_token)]
    page = request("GET", "/account", {"Cookie": f"access_token={access_token}"})
    renewing = [_renewing(visitor.sign_in(0)["refresh_token"]) for _ in range(2)]
    return [
        Kind(CHECK, checks * 2, 0.02),
        Kind(HEALTH, [always(request("GET", "/healthz"))], 0.02),
        Kind(ENDED, [always(_checking(ended))], 0.05),
        Kind(PAGE, same(page, 4), 0.1),
        Kind(RENEWAL, renewing, 0.1),
        Kind(SIGN_IN, [_signing_in(itertools.count(1))] * 2, 0.25),
    ]


def _signing_in(turn: "itertools.count[int]") -> Script:
    # The first account has the sessions of the other requests, and sessions are limited.
    return lambda _: _posting("login", _credentials(1 + next(turn) % (ACCOUNTS - 1)))


def _renewing(first: str) -> Script:
    latest = first

    def next_one(last: bytes) -> bytes:
        nonlocal latest
        if last.startswith(b"HTTP/1.1 200"):
            latest = json.loads(last.partition(b"\r\n\r\n")[2])["refresh_token"]
        return _posting("refresh", {"refresh_token": latest})

    return next_one


def _credentials(number: int) -> dict[str, Any]:
    return {"email": f"user{number}@example.org", "password": PASSWORD}


def _checking(token: str) -> bytes:
    return request("GET", "/auth/check", _bearing(token))


def _bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _posting(path: str, body: Any, headers: dict[str, str] | None = None) -> bytes:
    sent = b"" if body is None else json.dumps(body).encode()
    return request("POST", f"/api/v1/{path}", {**JSON, **(headers or {})}, sent)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
