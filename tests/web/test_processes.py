"""Guarantees between processes: two real servers on one database and one Redis.

`--log-cli-level=INFO` shows what was measured.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus, cookies
from uuid import uuid4

import pytest
from flask import Flask

from authapp.domain import one_time_tokens
from authapp.domain.sessions import Identity, SignedIn
from authapp.models import RefreshToken, User, VerificationType, db
from authapp.services import (
    change_password,
    delete_account,
    freeze_account,
    password_reset,
    sign_out,
    users,
)
from tests.support.accounts import HERE, PASSWORD, add_user, start_session
from tests.support.servers import AppServer, RedisServer
from tests.support.waiting import PATIENCE_SECONDS

log = logging.getLogger(__name__)

AT_ONCE = 200
FROZEN_AFTER = 20
HAMMERS = 2
WATCHED_SECONDS = 0.4
METRICS_TOKEN = "Wq8kPz3vLm5nRt7yXc2bHj4fDs6gAe9u"
NEW_PASSWORD = "another four words entirely unrelated"

pytestmark = pytest.mark.xdist_group("processes")


@pytest.fixture(scope="module")
def running(shared_environ: dict[str, str]) -> Iterator[list[AppServer]]:
    environ = {**shared_environ, "METRICS_TOKENS": METRICS_TOKEN}
    with closing(AppServer(environ)) as one, closing(AppServer(environ)) as other:
        for server in (one, other):
            server.wait_until_ready()
        yield [one, other]


@pytest.fixture
def servers(running: list[AppServer], app: Flask) -> list[AppServer]:
    """Two servers that use Redis, which was emptied before the test."""
    for server in running:
        server.wait_until_redis_is_used(METRICS_TOKEN)
    return running


@pytest.fixture
def database_url(shared_database_url: str) -> str:
    return shared_database_url


@pytest.fixture
def user(app: Flask) -> User:
    """A verified user, whom no other test on this database has seen."""
    with app.app_context():
        return add_user(f"{uuid4()}@example.org")


def begin(app: Flask, user: User) -> SignedIn:
    with app.app_context():
        return start_session(user.id, remember=True, client=HERE)


class Burst:
    """The same refresh token, presented at once by many tabs at both servers."""

    def __init__(self, servers: list[AppServer], refresh_token: str) -> None:
        self._servers = servers
        self._refresh_token = refresh_token
        self._start = threading.Barrier(AT_ONCE)
        self.answered = threading.Semaphore(0)

    def fire(self) -> list[tuple[int, str]]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._present, range(AT_ONCE)))

    def _present(self, number: int) -> tuple[int, str]:
        self._start.wait()
        server = self._servers[number % len(self._servers)]
        answer = server.get("/account", refresh_token=self._refresh_token)
        self.answered.release()
        kept = cookies.SimpleCookie()
        for line in answer.headers.get_all("Set-Cookie") or []:
            kept.load(line)
        return answer.status, kept["refresh_token"].value if "refresh_token" in kept else ""


@pytest.mark.parametrize("redis", ["at work", "frozen in the middle"])
def test_concurrent_refreshes_have_one_successor_and_keep_the_session(
    app: Flask, servers: list[AppServer], user: User, redis_server: RedisServer, redis: str
) -> None:
    token = begin(app, user)
    session_id, chain = token.identity.session_id, [token.refresh_token]
    for generation in (1, 2):
        burst = Burst(servers, chain[-1])
        if redis == "frozen in the middle":
            freezer = threading.Thread(target=freeze_after, args=(burst, redis_server))
            freezer.start()
        answers = burst.fire()
        if redis == "frozen in the middle":
            freezer.join()
            redis_server.thaw()

        assert {status for status, _ in answers} == {HTTPStatus.OK}
        (successor,) = {value for _, value in answers}
        assert successor not in chain
        chain.append(successor)
        with app.app_context():
            row = db.session.get(RefreshToken, session_id)
            assert row.generation == generation
            assert row.ended_at is None


def freeze_after(burst: Burst, redis_server: RedisServer) -> None:
    for _ in range(FROZEN_AFTER):
        burst.answered.acquire()
    redis_server.freeze()


@dataclass
class Ending:
    """One way to end a session: who does it, and whose session ends."""

    victim: Identity
    other: Identity
    user: User
    link: str
    not_me_link: str


def reset_password(ending: Ending) -> None:
    password_reset.reset(
        password_reset.check(ending.link), NEW_PASSWORD, revoke_tokens=False, client=HERE
    )


def replace_password(ending: Ending) -> None:
    change_password.change_password(
        ending.other, PASSWORD, NEW_PASSWORD, end_others=True, revoke_tokens=False, client=HERE
    )


WAYS: dict[str, Callable[[Ending], object]] = {
    "sign out": lambda it: sign_out.sign_out(it.victim, client=HERE),
    "one device": lambda it: sign_out.sign_out_device(
        it.user.id, it.victim.session_id, client=HERE
    ),
    "everywhere but here": lambda it: sign_out.sign_out_others(it.other, client=HERE),
    "everywhere": lambda it: sign_out.sign_out_everywhere(it.user.id, client=HERE),
    "password changed": replace_password,
    "password reset": reset_password,
    "frozen": lambda it: freeze_account.freeze(
        freeze_account.check(it.not_me_link), it.user.email, client=HERE
    ),
    "operator signs out": lambda it: users.sign_out(it.user.id),
    "disabled": lambda it: users.disable(it.user.id),
    "closed": lambda it: delete_account.close(it.other, PASSWORD, client=HERE),
    "deleted": lambda it: delete_account.delete(it.user.id),
}


class Hammer(threading.Thread):
    """Presents an access token to one server repeatedly, and records each response."""

    def __init__(self, server: AppServer, access_token: str) -> None:
        super().__init__()
        self._server = server
        self._access_token = access_token
        self._stopping = threading.Event()
        self.accepted_once = threading.Event()
        self.answers: list[tuple[float, float, bool]] = []

    def run(self) -> None:
        while not self._stopping.is_set():
            began = time.perf_counter()
            answer = self._server.get("/account", access_token=self._access_token)
            is_accepted = answer.status == HTTPStatus.OK
            self.answers.append((began, time.perf_counter(), is_accepted))
            if is_accepted:
                self.accepted_once.set()

    def first_answer_since(self, moment: float) -> float:
        """Return when the first request that began after the given time was answered."""
        while True:
            for began, ended, _ in list(self.answers):
                if began > moment:
                    return ended
            assert self.is_alive()
            threading.Event().wait(0.01)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def prepare(app: Flask, email: str) -> tuple[Ending, SignedIn]:
    """Create a user who is signed in twice and has everything that can end sessions."""
    with app.app_context():
        user = add_user(email)
        owner = db.session.get(User, user.id)
        links = [
            one_time_tokens.add(owner, type, target=email, lifetime=timedelta(hours=1))
            for type in (VerificationType.PASSWORD_RESET, VerificationType.NOT_ME)
        ]
        db.session.commit()
    victim, other = begin(app, user), begin(app, user)
    return Ending(victim.identity, other.identity, user, *links), victim


def end_under_fire(
    app: Flask, servers: list[AppServer], way: str, redis_server: RedisServer, *, freeze: bool
) -> None:
    """End a session while its token is presented to both servers without a pause."""
    ending, victim = prepare(app, f"{uuid4()}@example.org")
    hammers = [Hammer(each, victim.access_token) for each in servers for _ in range(HAMMERS)]
    for hammer in hammers:
        hammer.start()
    for hammer in hammers:
        assert hammer.accepted_once.wait(PATIENCE_SECONDS), way
    if freeze:
        redis_server.freeze()

    with app.app_context():
        WAYS[way](ending)
    ended_at = time.perf_counter()
    redis_server.thaw()
    threading.Event().wait(WATCHED_SECONDS)
    refused_at = max(hammer.first_answer_since(ended_at) for hammer in hammers)
    for hammer in hammers:
        hammer.stop()

    answers = [answer for hammer in hammers for answer in hammer.answers]
    assert not any(is_accepted for began, _, is_accepted in answers if began > ended_at), way
    log.info("%s: every process had refused %.1f ms later", way, (refused_at - ended_at) * 1000)


def test_no_process_accepts_an_ended_session(
    app: Flask, servers: list[AppServer], redis_server: RedisServer
) -> None:
    for way in WAYS:
        end_under_fire(app, servers, way, redis_server, freeze=False)


@pytest.mark.parametrize("way", ["sign out", "password reset", "disabled"])
def test_no_process_accepts_an_ended_session_while_redis_hangs(
    app: Flask, servers: list[AppServer], redis_server: RedisServer, way: str
) -> None:
    end_under_fire(app, servers, way, redis_server, freeze=True)
