"""The code in docs/webhooks.md receives real events, run as it is printed there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest
import requests
from flask import Flask

from authapp import ROOT, clock
from authapp.delivery import webhooks as sending
from authapp.delivery.failures import DeliveryFailed
from authapp.models import User
from authapp.security import webhook_signatures
from authapp.services import users, webhook_deliveries, webhooks
from tests.support.audit import extend_chain
from tests.support.on_sqlite import on_sqlite
from tests.support.servers import free_port
from tests.support.waiting import wait_until

PAGE = (ROOT / "docs" / "webhooks.md").read_text()
FILES = {
    name: f"{code}\n"
    for _, name, code in re.findall(r"```(python|js)\n(?:#|//) (\S+)\n(.*?)\n```", PAGE, re.DOTALL)
}
NODE_MODULES = Path(sys.executable).parent.parent / "node" / "node_modules"

PROGRAMS = {
    "receiver.py": [Path(sys.executable).parent / "flask", "--app", "receiver", "run", "--port"],
    "receiver.mjs": ["node", "receiver.mjs"],
}
"""How each program is started, before its port."""

pytestmark = on_sqlite


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(WEBHOOK_NETWORKS="127.0.0.0/8", DELIVERY_TIMEOUT="60")


@contextmanager
def running(program: str, folder: Path, port: int, secret: str) -> Iterator[Path]:
    """Run a program of the page; yield the file with its output."""
    if program.endswith(".mjs"):
        if shutil.which("node") is None or not (NODE_MODULES / "standardwebhooks").exists():
            pytest.skip("Node.js or its packages are missing")
        (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / program).write_text(FILES[program])
    environ = {"PATH": os.environ["PATH"], "PORT": str(port), "WEBHOOK_SECRET": secret}
    environ["PYTHONDONTWRITEBYTECODE"] = "1"
    output = folder / "output"
    with output.open("wb") as file:
        command = [*map(str, PROGRAMS[program]), str(port)]
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=file, stderr=file)
    try:
        wait_until(lambda: _answers(port, process), "the program does not answer")
        yield output
    finally:
        process.terminate()
        process.wait()


def _answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "the program does not start"
    try:
        requests.get(f"http://127.0.0.1:{port}/")
    except requests.ConnectionError:
        return False
    return True


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_receives_events_once_and_refuses_others(
    program: str, app: Flask, user: User, tmp_path: Path
) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}/authapp-events"
    with app.app_context():
        id, secret = webhooks.add(url)
        stranger = sending.Target(url, [bytes(32)])
        with running(program, tmp_path, port, secret) as output:
            assert webhooks.send_test(id) == 204
            users.disable(user.id)
            extend_chain()
            webhook_deliveries.give_new_events()
            assert [str(each) for each in webhook_deliveries.deliver(id)] == ["sent"]
            assert webhook_deliveries.replay(id, since=5 * webhooks.OVERLAP) == 1
            assert [str(each) for each in webhook_deliveries.deliver(id)] == ["sent"]
            with pytest.raises(DeliveryFailed, match=r"401 .*not signed by authapp"):
                sending.send(str(UUID(int=1)), "{}", stranger)
        printed = output.read_text()

    assert printed.count("webhook.test") == 1
    assert printed.count("account.disabled") == 1
    assert str(user.id) in printed


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., object]:
    module = ModuleType("verify")
    exec(compile(FILES["verify.py"], "verify.py", "exec"), module.__dict__)
    found: Callable[..., object] = module.__dict__["verify"]
    return found


@pytest.mark.usefixtures("app")
def test_the_code_without_a_library_verifies_requests(verify: Callable[..., object]) -> None:
    old, new, body = bytes(range(32)), bytes(range(1, 33)), b'{"type":"webhook.test"}'
    now = clock.now()
    signed = dict(webhook_signatures.headers("an-id", body, secrets=[new, old], at=now))
    for secret in (old, new):
        assert verify(webhook_signatures.as_text(secret), signed, body) == {"type": "webhook.test"}

    secret = webhook_signatures.as_text(new)
    late = webhook_signatures.headers("an-id", body, secrets=[new], at=now - 10 * webhooks.OVERLAP)
    for headers, content in (
        ({**signed, "webhook-id": "other"}, body),
        ({**signed, "webhook-signature": "v1,"}, body),
        (late, body),
        (signed, body + b" "),
    ):
        with pytest.raises(ValueError, match=r"authapp|too old"):
            verify(secret, headers, content)


def test_every_program_of_the_page_is_tried(app: Flask) -> None:
    assert FILES.keys() == {*PROGRAMS, "verify.py"}
