"""docs/nginx.conf, run by a real nginx in front of the application and a second program."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from flask import Flask

from authapp.models import Scope, User
from authapp.services import roles
from tests.api.calling import bearing, new_token
from tests.support.accounts import PASSWORD
from tests.support.proxies import NGINX, Site, browsing, nginx, program
from tests.support.servers import RedisServer, free_port, serving
from tests.support.signing_keys import run_keys

# `make test` installs nginx where it can, and says so where it cannot.
pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx to run docs/nginx.conf")


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """The application, configured to run behind the proxy."""
    return make_app(PUBLIC_URL=f"https://127.0.0.1:{free_port()}", TRUSTED_PROXIES="1")


@pytest.fixture
def site(app: Flask, tmp_path: Path) -> Iterator[Site]:
    """A proxy with the application and a second program behind it."""
    port = int(app.extensions["settings"].deployment.public_url.rpartition(":")[2])
    with serving(app) as ours, serving(program) as second:
        site = Site(tmp_path, port, authapp=ours, program=second)
        with nginx(site):
            yield site


@pytest.fixture
def origin(site: Site) -> str:
    return site.url


@pytest.fixture
def client(site: Site) -> Iterator[requests.Session]:
    with browsing(site) as client:
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
        for name in ("User-Id", "Session-Id", "Token-Id", "Scopes", "Roles", "Time")
        for _ in "-_"
    }
    assert client.get(f"{origin}/app/", headers=claimed, allow_redirects=False).status_code == 303
    sign_in(client, f"{origin}/login")

    headers = seen(client.get(f"{origin}/app/", headers=claimed))

    assert headers["X-Auth-User-Id"] == str(user.id)
    assert "forged" not in headers.values()


def test_a_role_reaches_the_program_with_the_next_request(
    app: Flask, origin: str, client: requests.Session, user: User
) -> None:
    sign_in(client, f"{origin}/login")
    assert "X-Auth-Roles" not in seen(client.get(f"{origin}/app/"))

    with app.app_context():
        roles.grant(user.id, "support")
        roles.grant(user.id, "editor")
    assert seen(client.get(f"{origin}/app/"))["X-Auth-Roles"] == "editor support"

    with app.app_context():
        roles.withdraw(user.id, "editor")
    assert seen(client.get(f"{origin}/app/"))["X-Auth-Roles"] == "support"


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
    site: Site, origin: str, client: requests.Session, user: User
) -> None:
    sign_in(client, f"{origin}/login")
    kept = dict(client.cookies)
    assert client.get(f"{origin}/app/", allow_redirects=False).status_code == 200
    page = client.get(f"{origin}/account").text
    form = {"csrf_token": re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]}

    client.post(f"{origin}/logout", data=form)

    with browsing(site) as thief:
        again = thief.get(f"{origin}/app/", cookies=kept, allow_redirects=False)
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


def test_the_program_is_closed_while_authapp_is_stopped(tmp_path: Path) -> None:
    with serving(program) as second:
        site = Site(tmp_path, free_port(), authapp=free_port(), program=second)
        with nginx(site), browsing(site) as client:
            answer = client.get(f"{site.url}/app/", allow_redirects=False)

    assert answer.status_code == 503


def test_auth_check_is_not_reachable_from_outside(origin: str, client: requests.Session) -> None:
    assert client.get(f"{origin}/auth/check").status_code == 404
