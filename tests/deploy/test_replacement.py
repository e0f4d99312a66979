"""SIGHUP replaces the workers only if new ones could serve; otherwise the old ones go on."""

import base64
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
import requests

from tests.api.calling import bearing
from tests.support.servers import AppServer
from tests.support.waiting import PATIENCE_SECONDS, wait_until

FIRST_TOKEN, SECOND_TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u", "Jt5mYx8qNc3wKd7zGb2sVp9rHf4uTe6L"
IN_FILES = ("SECRET_KEY", "KEY_ENCRYPTION_KEYS", "DATABASE_URL", "METRICS_TOKENS")

_START_SECONDS = 3 * PATIENCE_SECONDS
"""A trial, and then a start that gets as much time."""

pytestmark = [
    pytest.mark.xdist_group("processes"),
    pytest.mark.parametrize("shared_database_url", ["sqlite"], indirect=True, scope="module"),
]


@dataclass
class Deployment:
    """A server that reads settings from files, and writes its log to one."""

    server: AppServer
    settings: Path
    log: Path

    def replace_workers(self) -> None:
        self.server.process.send_signal(signal.SIGHUP)

    def refusals(self) -> list[str]:
        lines = self.log.read_text().splitlines()
        return [line for line in lines if "workers_not_replaced" in line]

    def pids(self) -> set[int]:
        return {each.pid for each in self.server.workers()}


@pytest.fixture(scope="module")
def deployment(
    shared_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment")
    environ = {**shared_environ, "METRICS_TOKENS": FIRST_TOKEN}
    for name in IN_FILES:
        (folder / name).write_text(environ.pop(name))
        environ[f"{name}_FILE"] = str(folder / name)
    log = folder / "log"
    with log.open("wb") as written:
        server = AppServer(environ, workers=1, log=written, SERVE_START_TIMEOUT="1")
    server.wait_until_ready()
    yield Deployment(server, folder, log)
    server.close()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY is shorter than 32 characters"),
        (
            "KEY_ENCRYPTION_KEYS",
            base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "database ok, signing keys cannot be decrypted",
        ),
        ("DATABASE_URL", "sqlite:////nowhere/authapp.db", "database unavailable"),
    ],
    ids=["SECRET_KEY", "KEY_ENCRYPTION_KEYS", "DATABASE_URL"],
)
def test_workers_go_on_if_new_ones_could_not_serve(
    deployment: Deployment, name: str, content: str, reason: str
) -> None:
    file = deployment.settings / name
    before, refused, valid = deployment.pids(), len(deployment.refusals()), file.read_text()
    file.write_text(content)
    try:
        deployment.replace_workers()
        wait_until(
            lambda: len(deployment.refusals()) > refused,
            "the trial did not fail",
            seconds=_START_SECONDS,
        )
    finally:
        file.write_text(valid)

    assert reason in deployment.refusals()[-1]
    assert deployment.pids() == before
    answers = [deployment.server.get(path).status for path in ("/healthz", "/readyz", "/login")]
    assert set(answers) == {HTTPStatus.OK}


def test_new_workers_use_what_is_in_the_files_now(deployment: Deployment) -> None:
    before = deployment.pids()
    (deployment.settings / "METRICS_TOKENS").write_text(SECOND_TOKEN)

    deployment.replace_workers()
    wait_until(
        lambda: len(deployment.pids()) == len(before) and not deployment.pids() & before,
        "the workers were not replaced",
        seconds=_START_SECONDS,
    )

    url = f"http://127.0.0.1:{deployment.server.port}/metrics"
    statuses = [
        requests.get(url, headers=bearing(token)).status_code
        for token in (FIRST_TOKEN, SECOND_TOKEN)
    ]
    assert statuses == [HTTPStatus.UNAUTHORIZED, HTTPStatus.OK]
