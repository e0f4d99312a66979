"""The code in docs/protect-your-app.md, run as it is printed there."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from types import ModuleType
from typing import Any

import jwt
import pytest
import requests
from flask import Flask
from werkzeug import Request, Response

from authapp import ROOT
from authapp.domain import signing_keys
from authapp.models import Scope, User
from authapp.services import keys, roles
from tests.api.calling import bearing, begin, new_token
from tests.support.accounts import PASSWORD, add_user
from tests.support.on_sqlite import on_sqlite
from tests.support.proxies import NGINX, PROXIES, Site, browsing
from tests.support.servers import free_port, serving
from tests.support.signing_keys import run_keys
from tests.support.waiting import wait_until

PAGE = (ROOT / "docs" / "protect-your-app.md").read_text()
FILES = {
    name: f"{code}\n"
    for _, name, code in re.findall(r"```(python|js)\n(?:#|//) (\S+)\n(.*?)\n```", PAGE, re.DOTALL)
}

BIN = Path(sys.executable).parent
NODE_MODULES = BIN.parent / "node" / "node_modules"

PROGRAMS = {
    "flask": [BIN / "flask", "--app", "flask_app", "run", "--port"],
    "fastapi": [BIN / "uvicorn", "fastapi_app:app", "--port"],
    "express": ["node", "express_app.mjs"],
}
"""How each program is started, without its port."""

pytestmark = on_sqlite


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def app(make_app: Callable[..., Flask], port: int) -> Flask:
    return make_app(PUBLIC_URL=f"http://127.0.0.1:{port}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with every program of the page."""
    assert len(FILES) == 6
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    return tmp_path


@contextmanager
def running(program: str, folder: Path, port: int) -> Iterator[str]:
    """Run a program that trusts the authapp at a port; yield its address."""
    if program == "express":
        if shutil.which("node") is None or not NODE_MODULES.exists():
            pytest.skip("Node.js or its packages are missing")
        (folder / "node_modules").symlink_to(NODE_MODULES)
    own = free_port()
    command = [*map(str, PROGRAMS[program]), *([] if program == "express" else [str(own)])]
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": str(own),
        "AUTHAPP_URL": f"http://127.0.0.1:{port}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{own}/hello"
    try:
        wait_until(lambda: _answers(url, process), "the program does not answer")
        yield url
    finally:
        process.terminate()
        process.wait()


def _answers(url: str, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "the program does not start"
    try:
        requests.get(url)
    except requests.ConnectionError:
        return False
    return True


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_accepts_users_and_no_one_else(
    program: str, app: Flask, user: User, port: int, folder: Path
) -> None:
    with running(program, folder, port) as url:

        def ask(authorization: str = "") -> requests.Response:
            return requests.get(url, headers={"Authorization": authorization})

        access_token = begin(app, user).access_token
        during_outage = ask(f"Bearer {access_token}")
        with serving(app, port):
            accepted = [ask(f"Bearer {access_token}")]
            refused = [
                ask(),
                ask("Basic eDp4"),
                ask("Bearer"),
                ask("Bearer x"),
                ask("Bearer a.b.c"),
            ]
            refused.append(ask(f"Bearer {new_token(app, user, Scope.ACCOUNT_READ)}"))
            for changes in ({"typ": "JWT"}, {"aud": "x"}, {"iss": "x"}, {"exp": 1}, {"kid": "x"}):
                refused.append(ask(f"Bearer {altered(app, access_token, **changes)}"))
        assert run_keys(app, "rotate", "--force")[0] == 0
        # The next key is among those that the program has already fetched.
        accepted.append(ask(f"Bearer {begin(app, user).access_token}"))

    assert during_outage.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "Retry-After" in during_outage.headers
    assert [(each.status_code, each.json()) for each in accepted] == [
        (200, {"user": str(user.id)})
    ] * 2
    assert {each.status_code for each in refused} == {HTTPStatus.UNAUTHORIZED}
    assert all(each.headers["WWW-Authenticate"].startswith("Bearer") for each in refused)


def altered(app: Flask, token: str, **changes: Any) -> str:
    """Return a token with other claims or headers, signed with the real key."""
    with app.app_context():
        signer = signing_keys.signer()
        private = keys.keyring.parse_private(signer.private_der)
    headers = {"kid": signer.kid, "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    for name, value in changes.items():
        (headers if name in headers else claims)[name] = value
    return jwt.encode(claims, private, algorithm="RS256", headers=headers)


@pytest.mark.skipif(NGINX is None, reason="there is no nginx to run docs/nginx.conf")
@pytest.mark.parametrize("proxy", PROXIES)
def test_a_program_behind_a_proxy_learns_who_sent_a_request(
    proxy: str, make_app: Callable[..., Flask], port: int, folder: Path
) -> None:
    app = make_app(PUBLIC_URL=f"https://127.0.0.1:{port}", TRUSTED_PROXIES="1")
    with app.app_context():
        user = add_user("editor@example.org")
        roles.grant(user.id, "editor")
    with serving(app) as ours, serving(loaded(folder / "behind_a_proxy.py").app) as program:
        site = Site(folder, port, authapp=ours, program=program)
        with PROXIES[proxy](site), browsing(site) as browser:
            url = f"{site.url}/app/hello"
            visitor = browser.get(url, allow_redirects=False)
            known = browser.get(url, headers=bearing(begin(app, user).access_token))

    assert visitor.status_code == (401 if proxy == "traefik" else 303)
    assert known.json() == {"user": str(user.id), "is_editor": True}


def loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(folder: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AUTHAPP_URL", f"http://127.0.0.1:{port}")
    module = loaded(folder / "staying_signed_in.py")
    module.PAUSES = (0, 0, 0)
    return module


class Wire:
    """authapp as a client reaches it: it counts renewals, and can lose an answer."""

    def __init__(self, app: Flask) -> None:
        self._app, self.renewals, self.lost = app, 0, 0

    def __call__(self, environ: dict, start_response: Callable) -> object:
        if environ["PATH_INFO"] != "/api/v1/refresh":
            return self._app(environ, start_response)
        self.renewals += 1
        response = Response.from_app(self._app, Request(environ).environ)
        if self.lost:
            self.lost -= 1
            response = Response("The proxy lost the answer.", HTTPStatus.BAD_GATEWAY)
        return response(environ, start_response)


def test_threads_renew_a_session_once(
    app: Flask, user: User, port: int, client: ModuleType
) -> None:
    wire, stored = Wire(app), []
    with serving(wire, port):
        session = client.sign_in(user.email, PASSWORD, stored.append)
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(session.get, [f"{client.URL}/me"] * 16))

    assert {each.status_code for each in answers} == {HTTPStatus.OK}
    assert answers[0].json()["email"] == user.email
    assert wire.renewals == 1
    assert len(set(stored)) == 2


def test_a_lost_answer_does_not_end_the_session(
    app: Flask, user: User, port: int, client: ModuleType
) -> None:
    wire, stored = Wire(app), []
    with serving(wire, port):
        session = client.sign_in(user.email, PASSWORD, stored.append)
        wire.lost = 2
        answer = session.get(f"{client.URL}/me")
        restarted = client.Session(stored[-1], stored.append)
        again = restarted.get(f"{client.URL}/me")

    assert (answer.status_code, again.status_code) == (HTTPStatus.OK, HTTPStatus.OK)
    assert wire.renewals == 4
    assert len(set(stored)) == 3


def test_the_end_of_the_session_is_reported(
    app: Flask, user: User, port: int, client: ModuleType
) -> None:
    with serving(app, port):
        session = client.sign_in(user.email, PASSWORD, lambda _token: None)
        headers = bearing(begin(app, user).access_token)
        requests.delete(f"{client.URL}/sessions", headers=headers)

        with pytest.raises(client.SignInAgain, match="token-revoked"):
            session.get(f"{client.URL}/me")
