"""authapp as the benchmark uses it: accounts, sessions, tokens, and requests that present them."""

import base64
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import flask_migrate
from flask import Flask
from sqlalchemy import insert

from authapp import clock, create_app
from authapp.domain.sessions import SignedIn
from authapp.models import Scope, User, db
from authapp.security.passwords import hash_password
from authapp.services import api_tokens, keys, users
from tests.bench.load import Script, always, request
from tests.support.accounts import HERE, PASSWORD, add_user, start_session
from tests.support.applications import dispose, settings

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Ours:
    """One deployment: its settings, an application in this process, and one account's tokens."""

    environ: dict[str, str]
    app: Flask
    user: User
    session: SignedIn
    api_token: str
    introspector: str
    emails: list[str] = field(default_factory=list)

    def begin(self) -> SignedIn:
        """Begin another session of the account."""
        with self.app.app_context():
            return start_session(self.user.id, remember=True, client=HERE)

    def requests(self) -> dict[str, bytes]:
        """Return what does not change anything, by the name that the report shows."""
        bearer = {"Authorization": f"Bearer {self.session.access_token}"}
        asked = f"token={self.session.access_token}".encode()
        gateway = {**FORM, "Authorization": f"Bearer {self.introspector}"}
        check = "/auth/check"
        return {
            "/healthz": request("GET", "/healthz"),
            "/auth/check, JWT": request("GET", check, bearer),
            "/auth/check, API token": request(
                "GET", check, {"Authorization": f"Bearer {self.api_token}"}
            ),
            "/auth/check, access cookie": request(
                "GET", check, {"Cookie": f"access_token={self.session.access_token}"}
            ),
            "/auth/check, refresh cookie": request(
                "GET", check, {"Cookie": f"refresh_token={self.session.refresh_token}"}
            ),
            "/api/v1/me": request("GET", "/api/v1/me", bearer),
            "/account": request(
                "GET", "/account", {"Cookie": f"access_token={self.session.access_token}"}
            ),
            "/oauth/introspect": request("POST", "/oauth/introspect", gateway, asked),
        }

    def refreshing(self, number: int) -> list[Script]:
        """Return scripts that each renew a session of their own, again and again."""
        return [_renewing(self.begin().refresh_token) for _ in range(number)]

    def signing_in(self, number: int) -> list[Script]:
        """Return scripts that sign in, each time to another account and from another address."""
        turn = itertools.count()

        def next_one(_: bytes) -> bytes:
            count = next(turn)
            given = {"email": self.emails[count % len(self.emails)], "password": PASSWORD}
            address = f"10.{count >> 16 & 255}.{count >> 8 & 255}.{count & 255}"
            headers = {**JSON, "X-Forwarded-For": address}
            return request("POST", "/api/v1/login", headers, json.dumps(given).encode())

        return [next_one] * number


@contextmanager
def deployed(
    database_url: str, redis_url: str, *, accounts: int = 0, **limits_of_its_own: str
) -> Iterator[Ours]:
    """Create the tables, the keys and the accounts of one deployment."""
    # Sign-ins wait instead of being turned away, as they do in the other libraries.
    limits = {"TRUSTED_PROXIES": "1", "REQUEST_BUDGET": "0", "PASSWORD_HASHERS": "16"}
    environ = {**settings(database_url, redis_url), **limits, **limits_of_its_own}
    environ["ACCESS_TOKEN_LIFETIME"] = "3600"
    app = create_app(environ)
    with app.app_context():
        flask_migrate.upgrade()
        keys.ensure_active()
        user = add_user(f"{uuid4()}@example.org")
        session = start_session(user.id, remember=True, client=HERE)
        token = _api_token(user, Scope.ACCOUNT_READ)
        users.grant(user.id, Scope.INTROSPECT)
        gateway = _api_token(user, Scope.INTROSPECT)
        emails = list(add_accounts(accounts))
        yield Ours(environ, app, user, session, token, gateway, emails)
    dispose(app)


def _api_token(user: User, scope: Scope) -> str:
    made = api_tokens.create(user.id, name="bench", scopes=[scope], expires_at=None, client=HERE)
    return made.value


def add_accounts(number: int) -> dict[str, UUID]:
    """Create accounts with the same password, hashed once; return their ids by email address."""
    if not number:
        return {}
    ids = {f"{uuid4()}@example.org": uuid4() for _ in range(number)}
    same = {"email_verified_at": clock.now(), "password_hash": hash_password(PASSWORD)}
    db.session.execute(
        insert(User),
        [{"id": id, "email": each, "email_key": each, **same} for each, id in ids.items()],
    )
    db.session.commit()
    return ids


def _renewing(first: str) -> Script:
    def next_one(last: bytes) -> bytes:
        nonlocal first
        if last.startswith(b"HTTP/1.1 200"):
            first = json.loads(last.partition(b"\r\n\r\n")[2])["refresh_token"]
        return request(
            "POST", "/api/v1/refresh", JSON, json.dumps({"refresh_token": first}).encode()
        )

    return next_one


def recorded(answer: bytes) -> list[object]:
    """Return an answer as peers.bare repeats it: status, headers and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    dropped = {"date", "server", "connection", "content-length"}
    headers = [pair for pair in pairs if pair[0].lower() not in dropped]
    return [int(status[9:12]), headers, base64.b64encode(body).decode()]


def same(sent: bytes, connections: int) -> list[Script]:
    """Return scripts that all repeat one request."""
    return [always(sent)] * connections
