"""Replacing every secret, the signing keys and the servers, as docs/secrets.md says.

Two servers behind nginx read their secrets from files. No request fails, and no session is lost.
"""

import base64
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from authapp import ROOT
from authapp.domain.sessions import SignedIn
from tests.bench.load import request
from tests.bench.ours import JSON, Ours, deployed
from tests.drill.faults import Fault
from tests.drill.kinds import kinds
from tests.drill.traffic import Answers, Client, Traffic
from tests.support.proxies import balancer
from tests.support.servers import AppServer, PostgresServer, RedisServer, free_port

ROTATION: Final = Fault("secrets and servers are replaced", lambda _stage, _seconds: None, 0)

SERVERS, THREADS, SESSIONS = 2, 8, 20

_LISTS: Final = ("KEY_ENCRYPTION_KEYS", "CACHE_SEALING_KEYS")


def run(postgres: PostgresServer, *, accounts: int) -> tuple[dict[str, Answers], list[str]]:
    """Return the answers to each kind of request, and a line if sessions were lost."""
    with ExitStack() as stack:
        redis = RedisServer().start()
        stack.callback(redis.close)
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="authapp-drill-")))
        url = postgres.url(postgres.create())
        ours = stack.enter_context(deployed(url, redis.url, accounts=accounts))
        deployment = Deployment(ours, folder)
        stack.callback(deployment.close)
        port, ports = free_port(), [each.port for each in deployment.servers]
        stack.enter_context(balancer(folder, port, ports))
        held = [ours.begin() for _ in range(SESSIONS)]
        traffic = Traffic(port, kinds(ours, sign_ins=2))
        traffic.start()
        try:
            deployment.replace_secrets()
            deployment.replace_signing_keys()
        finally:
            traffic.stop()
        return traffic.answers, _lost(held, port)


class Deployment:
    """Servers that read their secrets from files, and commands with the same settings."""

    def __init__(self, ours: Ours, folder: Path) -> None:
        self._folder = folder
        secrets = {name: ours.environ[name] for name in ("SECRET_KEY", *_LISTS)}
        self._old, self._new = secrets, {name: _new_key() for name in secrets}
        self._write({**secrets, "SECRET_KEY_FALLBACKS": ""})
        files = {f"{name}_FILE": str(folder / name) for name in (*secrets, "SECRET_KEY_FALLBACKS")}
        others = {name: each for name, each in ours.environ.items() if name not in secrets}
        self.environ = {**others, **files, "PASSWORD_HASHERS": ""}
        self.servers = [AppServer(self.environ, threads=THREADS) for _ in range(SERVERS)]
        for server in self.servers:
            server.wait_until_ready()

    def replace_secrets(self) -> None:
        """Take the steps for all three secrets together."""
        old, new = self._old, self._new
        self._step({name: f"{old[name]},{new[name]}" for name in _LISTS}, fallback=new)
        swapped = {name: f"{new[name]},{old[name]}" for name in _LISTS}
        self._step({**swapped, "SECRET_KEY": new["SECRET_KEY"]}, fallback=old)
        self._command("keys", "rewrap", "--force")
        self._step({name: new[name] for name in _LISTS}, fallback=old)

    def replace_signing_keys(self) -> None:
        """Rotate, and then revoke the key that signs."""
        self._command("keys", "rotate", "--force")
        listed = self._command("keys", "list")
        active = next(line for line in listed.splitlines() if " active " in f" {line} ")
        self._command("keys", "revoke", active.split()[0])

    def close(self) -> None:
        """Stop every server."""
        for server in self.servers:
            server.close()

    def _step(self, secrets: dict[str, str], *, fallback: dict[str, str]) -> None:
        """Write settings, then stop and start one server after another."""
        self._write({**secrets, "SECRET_KEY_FALLBACKS": fallback["SECRET_KEY"]})
        for number, server in enumerate(self.servers):
            server.close()
            self.servers[number] = AppServer(self.environ, threads=THREADS, port=server.port)
            self.servers[number].wait_until_ready()

    def _write(self, settings: dict[str, str]) -> None:
        for name, value in settings.items():
            (self._folder / name).write_text(value)

    def _command(self, *words: str) -> str:
        """Run `flask`, and return its output."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
        environ = {"PATH": os.environ["PATH"], **self.environ}
        return subprocess.run(
            command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True
        ).stdout


def _lost(held: list[SignedIn], port: int) -> list[str]:
    """Return a line if sessions cannot be renewed."""
    client, statuses = Client(port), []
    for session in held:
        body = json.dumps({"refresh_token": session.refresh_token}).encode()
        statuses.append(client.ask(request("POST", "/api/v1/refresh", JSON, body)).status)
    client.close()
    refused = [status for status in statuses if status != "200"]
    return [f"{ROTATION.name}: {len(refused)} of {len(held)} sessions were lost"] * bool(refused)


def _new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
