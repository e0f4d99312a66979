"""docs/nginx.conf, run by a real nginx in front of the application and a second program."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from flask import Flask
from werkzeug import Request, Response

from authapp import ROOT
from authapp.models import Scope, User
from tests.api.calling import bearing, new_token
from tests.support.accounts import PASSWORD
from tests.support.servers import RedisServer, free_port, serving
from tests.support.signing_keys import run_keys
from tests.support.waiting import wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")

# `make test` installs nginx where it can, and says so where it cannot.
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx to run docs/nginx.conf")


@Request.application
def program(request: Request) -> Response:
    """Return the path and headers that reached the second program, or an error of its own."""
    if request.path == "/app/broken":
        return Response("the program's own fault", 500)
    told = {"path": request.full_path, "headers": dict(request.headers)}
    return Response(json.dumps(told), content_type="application/json")


@contextmanager
def nginx(folder: Path, port: int, authapp: int, second: int) -> Iterator[None]:
    """Run nginx on docs/nginx.conf, with this test's ports and without TLS."""
    served = (ROOT / "docs" / "nginx.conf").read_text()
    changes = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8000": f"127.0.0.1:{authapp}",
        "127.0.0.1:9000": f"127.0.0.1:{second}",
    }
    for old, new in changes.items():
        assert old in served
        served = served.replace(old, new)
    served = re.sub(r"^ *ssl_certificate.*\n", "", served, flags=re.MULTILINE)
    (folder / "site.conf").write_text(served)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
    )
    process = subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")])
    wait_until(lambda: is_answering(port, process), "nginx does not answer", seconds=10)
    yield
    process.terminate()
    assert process.wait(10) == 0


def is_answering(port: int, process: "subprocess.Popen[bytes]") -> bool:
    assert process.poll() is None, "nginx does not start"
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application, configured to run behind the proxy."""
    return make_app(PUBLIC_URL=f"http://127.0.0.1:{free_port()}", TRUSTED_PROXIES="1")


@pytest.fixture
def origin(app: Flask, tmp_path: Path) -> Iterator[str]:
    """The address of a proxy with the application and a second program behind it."""
    url: str = app.extensions["settings"].deployment.public_url
    port = int(url.rpartition(":")[2])
    with serving(app) as ours, serving(program) as second, nginx(tmp_path, port, ours, second):
        yield url


@pytest.fixture
def client() -> Iterator[requests.Session]:
    with requests.Session() as client:
        client.trust_env = False
        yield client


def sign_in(client: requests.Session, at: str) -> requests.Response:
    """Sign in at the page that a redirect led to, as a browser would."""
    page = client.get(at)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert token is not None
    form = {"email": "somebody@example.org", "password": PASSWORD, "csrf_token": token[1]}
    return client.post(page.url, data=form, allow_redirects=False)


def seen(answer: requests.Response) -> dict[str, str]:
    """Return the headers with which a request reached the second program."""
    assert answer.status_code == 200, answer.text
    headers: dict[str, str] = answer.json()["headers"]
    return headers


@pytest.mark.parametrize("page", ["/app/", "/app/my%20file%2F1.pdf?q=a+b&r=%26%25%2B&s=%C3%A9"])
def test_a_visitor_signs_in_and_comes_back_to_the_program(
    origin: str, client: requests.Session, user: User, page: str
) -> None:
    sent_away = client.get(origin + page, allow_redirects=False)
    assert sent_away.status_code == 303
    assert sent_away.headers["Location"].startswith(f"{origin}/login?")

    signed_in = sign_in(client, sent_away.headers["Location"])

    assert signed_in.headers["Location"] == page
    headers = seen(client.get(urljoin(origin, page)))
    assert headers["X-Auth-User-Id"] == str(user.id)
    assert headers["X-Auth-Session-Id"]
    assert "X-Auth-Token-Id" not in headers


def test_identity_headers_from_a_client_do_not_reach_the_program(
    origin: str, client: requests.Session, user: User
) -> None:
    claimed = {
        f"X{_}Auth{_}{name.replace('-', _)}": "forged"
        for name in ("User-Id", "Session-Id", "Token-Id", "Scopes", "Time")
        for _ in "-_"
    }
    assert client.get(f"{origin}/app/", headers=claimed, allow_redirects=False).status_code == 303
    sign_in(client, f"{origin}/login")

    headers = seen(client.get(f"{origin}/app/", headers=claimed))

    assert headers["X-Auth-User-Id"] == str(user.id)
    assert "forged" not in headers.values()


def test_credentials_do_not_reach_the_program(
    app: Flask, origin: str, client: requests.Session, user: User
) -> None:
    sign_in(client, f"{origin}/login")
    client.get(f"{origin}/account")
    client.cookies.set("theme", "dark")
    assert {"access_token", "refresh_token", "session", "device"} <= set(client.cookies.keys())
    token = new_token(app, user, Scope.ACCOUNT_READ)

    by_cookie = seen(client.get(f"{origin}/app/"))
    by_token = seen(requests.get(f"{origin}/app/", headers=bearing(token), timeout=5))

    assert by_cookie["Cookie"].rstrip("; ") == "theme=dark"
    assert "Authorization" not in by_token


def test_a_program_uses_its_api_token_until_it_is_revoked(
    app: Flask, origin: str, client: requests.Session, user: User
) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ, Scope.TOKENS_READ)

    headers = seen(client.get(f"{origin}/app/", headers=bearing(token)))
    assert headers["X-Auth-User-Id"] == str(user.id)
    assert headers["X-Auth-Scopes"] == "account:read tokens:read"
    assert "X-Auth-Session-Id" not in headers
    assert client.post(f"{origin}/oauth/revoke", data={"token": token}).status_code == 200

    refused = client.get(f"{origin}/app/", headers=bearing(token), allow_redirects=False)
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_rotating_or_revoking_a_key_does_not_interrupt_a_session(
    app: Flask, origin: str, client: requests.Session, user: User, move_time: Callable
) -> None:
    sign_in(client, f"{origin}/login")
    first = seen(client.get(f"{origin}/app/"))["X-Auth-Session-Id"]

    rotated = run_keys(app, "rotate", "--force")
    assert rotated[0] == 0
    assert seen(client.get(f"{origin}/app/"))["X-Auth-Session-Id"] == first

    with move_time(minutes=11):
        assert seen(client.get(f"{origin}/app/"))["X-Auth-Session-Id"] == first
        assert client.get(f"{origin}/account").status_code == 200
        assert run_keys(app, "revoke", rotated[1].split()[0])[0] == 0
        assert seen(client.get(f"{origin}/app/"))["X-Auth-Session-Id"] == first


def test_after_signing_out_the_next_request_to_the_program_is_refused(
    origin: str, client: requests.Session, user: User
) -> None:
    sign_in(client, f"{origin}/login")
    kept = dict(client.cookies)
    assert client.get(f"{origin}/app/", allow_redirects=False).status_code == 200
    page = client.get(f"{origin}/account").text
    form = {"csrf_token": re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]}

    client.post(f"{origin}/logout", data=form)

    again = requests.get(f"{origin}/app/", cookies=kept, allow_redirects=False, timeout=5)
    assert again.status_code == 303


def test_an_outage_is_503_and_the_programs_own_errors_are_its_own(
    origin: str,
    client: requests.Session,
    user: User,
    lose_database: Callable[[], None],
    redis_server: RedisServer,
) -> None:
    sign_in(client, f"{origin}/login")
    own = client.get(f"{origin}/app/broken")
    assert (own.status_code, own.text) == (500, "the program's own fault")

    redis_server.kill()
    lose_database()

    # The process may answer from memory for CACHE_LOCAL_TRUST; a few requests take longer.
    answers = (client.get(f"{origin}/app/", allow_redirects=False) for _ in range(100))
    later = next(answer for answer in answers if answer.status_code != 200)
    assert later.status_code == 503
    assert int(later.headers["Retry-After"]) > 0


def test_the_program_is_closed_while_authapp_is_stopped(
    client: requests.Session, tmp_path: Path
) -> None:
    port = free_port()
    with serving(program) as second, nginx(tmp_path, port, free_port(), second):
        answer = client.get(f"http://127.0.0.1:{port}/app/", allow_redirects=False)

    assert answer.status_code == 503


def test_auth_check_is_not_reachable_from_outside(origin: str, client: requests.Session) -> None:
    assert client.get(f"{origin}/auth/check").status_code == 404
