"""Every proxy configuration in docs/: what the second program receives, and what is logged."""

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http import HTTPStatus
from http.client import HTTPSConnection
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from flask import Flask

from authapp.models import Scope, User
from authapp.security.opaque_tokens import make_link_token, new_secret
from tests.api.calling import bearing, begin, new_token
from tests.support.accounts import PASSWORD
from tests.support.proxies import NGINX, PROXIES, Site, browsing, program
from tests.support.servers import AppServer, free_port, serving

OURS = ("access_token", "refresh_token", "session", "device", "remembered")

LIKE_OURS = {
    "laravel_session": "1",
    "app_refresh_token": "2",
    "session": "3",
    "device": "4",
    "access_token": "5",
    "refresh_token": "6",
    "x__Host-session": "7",
    "__Host-sessions": "8",
    "__Host-x-device": "9",
}

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.skipif(NGINX is None, reason="there is no nginx to run docs/nginx.conf"),
]


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(proxy: str, make_app: Callable[..., Flask], tmp_path: Path) -> Iterator[Site]:
    """A proxy with the application and a second program behind it."""
    port = free_port()
    app = make_app(PUBLIC_URL=f"https://127.0.0.1:{port}", TRUSTED_PROXIES="1")
    with serving(app) as ours, serving(program) as second:
        site = Site(tmp_path, port, authapp=ours, program=second)
        with PROXIES[proxy](site):
            yield site


def received(client: requests.Session, site: Site, **headers: str) -> dict[str, str]:
    """Return the headers with which a request reaches the second program."""
    answer = client.get(f"{site.url}/app/", headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["headers"])


def cookies(header: str) -> dict[str, str]:
    return dict(pair.strip().split("=") for pair in header.split(";") if pair.strip())


def sign_in(client: requests.Session, site: Site) -> dict[str, str]:
    """Sign in as a browser would, and return the cookies that authapp set."""
    page = client.get(f"{site.url}/login").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    form = {"email": "somebody@example.org", "password": PASSWORD, "csrf_token": token}
    client.post(f"{site.url}/login", data=form, headers={"Referer": site.url})
    client.get(f"{site.url}/account")
    return dict(client.cookies)


def test_the_program_receives_its_own_cookies_and_none_of_ours(
    proxy: str, site: Site, user: User
) -> None:
    with browsing(site) as client:
        # Only a second factor makes a device worth remembering.
        ours = {**sign_in(client, site), "__Host-remembered": "an-id.and-a-secret"}
        client.cookies.clear()
        assert set(ours) == {f"__Host-{name}" for name in OURS}
        mixed = [f"{name}={value}" for name, value in LIKE_OURS.items()]
        for at, (name, value) in enumerate(ours.items()):
            mixed.insert(3 * at, f"{name}={value}")

        orders = ["; ".join(mixed), ";".join(reversed(mixed)), "; ".join([*mixed, *mixed])]
        seen = [received(client, site, Cookie=order).get("Cookie", "") for order in orders]

    for header in seen:
        assert not any(value in header for value in ours.values())
    if proxy == "traefik":
        assert seen == ["", "", ""]
    else:
        assert [cookies(header) for header in seen[:2]] == [LIKE_OURS, LIKE_OURS]
        assert cookies(seen[2]) in (LIKE_OURS, {})


def test_the_program_receives_no_tokens_and_no_forged_identity(
    site: Site, app: Flask, user: User
) -> None:
    forged = {
        f"X{a}Auth{b}{name.replace('-', c)}": "forged"
        for name in ("User-Id", "Session-Id", "Token-Id", "Scopes", "Roles", "Time")
        for a in "-_."
        for b in "-_."
        for c in "-_."
    }
    token = new_token(app, user, Scope.ACCOUNT_READ)

    with browsing(site) as client:
        refused = client.get(f"{site.url}/app/", headers=forged, allow_redirects=False)
        headers = received(client, site, **forged, **bearing(token))

    assert refused.status_code in (303, 401)
    assert headers["X-Auth-User-Id"] == str(user.id)
    assert headers["X-Auth-Scopes"] == "account:read"
    assert "forged" not in headers.values()
    assert "Authorization" not in headers


def test_neither_a_proxy_nor_the_server_logs_a_secret(
    app: Flask, environ: dict[str, str], user: User, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    token, session = new_token(app, user, Scope.ACCOUNT_READ), begin(app, user)
    headers = {"Cookie": f"__Host-refresh_token={session.refresh_token}", **bearing(token)}
    links = dict(secret_paths(app))
    server = AppServer({**environ, "TRUSTED_PROXIES": "1"})
    with ExitStack() as stack:
        sites = []
        for name, run in PROXIES.items():
            folder = tmp_path / name
            folder.mkdir()
            sites.append(Site(folder, free_port(), authapp=server.port, program=free_port()))
            stack.enter_context(run(sites[-1]))
        server.wait_until_ready()

        answers = [ask(site, path, headers) for site in sites for path in links]
        server.close()
        # Proxies log the address of a request that they cannot pass on.
        failures = [ask(site, path, headers) for site in sites for path in links]

    assert HTTPStatus.OK in answers
    assert HTTPStatus.BAD_GATEWAY in failures
    logged = [site.logged for site in sites]
    for log in logged[:2]:
        assert "/password/reset/[hidden]" in log
    assert "RouterName" in logged[2]
    secrets = {*links.values(), token[-40:], session.refresh_token.rpartition(".")[2]}
    told = "".join([*logged, *capfd.readouterr()])
    assert {secret for secret in secrets if secret in told} == set()


def secret_paths(app: Flask) -> Iterator[tuple[str, str]]:
    """Yield paths with a secret in them, and the secret as written there."""
    for rule in app.url_map.iter_rules():
        if "<value>" in rule.rule:
            link, before = make_link_token(uuid4(), new_secret()), rule.rule.removesuffix("<value>")
            secret = link[30:60]
            yield f"{before}{link}", secret
            yield f"{before.replace('/', '%2F')}{link[:60]}", secret
            encoded = "".join(f"%{ord(letter):02x}" for letter in secret)
            yield f"{before}{link[:30]}{encoded}{link[60:]}", encoded
    secret = make_link_token(uuid4(), new_secret())[:60]
    yield f"/app/?token={secret}", secret
    yield f"/login?next=/not-me/{secret}", secret


def ask(site: Site, path: str, headers: dict[str, str]) -> int:
    """Request a path exactly as it is written; return the status."""
    trusted = ssl.create_default_context(cafile=site.certificate)
    with closing(HTTPSConnection("127.0.0.1", site.port, context=trusted)) as connection:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
