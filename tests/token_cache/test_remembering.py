"""Every order of the remote steps of a process that remembers and of one that writes.

Time moves only where a schedule moves it: when a writer waits before it reports, and when a poll
finds that trust in memory has ended. After the writer has reported, the other process reads again.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask

from authapp import clock
from authapp.models import Token, User, db
from authapp.models.changes import delete_where, update_where
from authapp.token_cache import token_cache
from authapp.token_cache.coherence import local_tier, steps, trust, writer
from authapp.token_cache.redis import change_log
from tests.token_cache.rows import add_token
from tests.token_cache.schedules import Actor, every_schedule, stepping

TRUST_SECONDS = 0.1
Answer = Callable[[UUID, UUID], Any]


class MovedTime:
    """Monotonic time for the cache, which moves only when a test moves it."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> MovedTime:
    moved = MovedTime()
    for module in (local_tier, steps, trust, writer):
        monkeypatch.setattr(module, "time", moved)
    event = SimpleNamespace(**{**vars(threading), "Event": lambda: moved})
    monkeypatch.setattr(writer, "threading", event)
    return moved


@pytest.fixture
def processes(make_app: Callable[..., Flask], moved: MovedTime) -> tuple[Flask, Flask]:
    long = {"CACHE_TRUST": "5000", "CACHE_LOCAL_TRUST": str(int(TRUST_SECONDS * 1000))}
    return make_app(**long), make_app(**long)


def _row(id: UUID, user_id: UUID) -> Any:
    row = token_cache.get_token_by_id(id)
    return row and row.revoked_at is None


def _list(id: UUID, user_id: UUID) -> Any:
    return id in [row.id for row in token_cache.get_tokens_by_user(user_id)]


def _insert(id: UUID, user_id: UUID) -> None:
    db.session.add(Token(id=id, user_id=user_id, name="x", digest=b"x" * 32, last_four="zzzz"))
    db.session.commit()


def _revoke(id: UUID, user_id: UUID) -> None:
    update_where(Token, Token.id == id, revoked_at=clock.now())
    db.session.commit()


def _delete(id: UUID, user_id: UUID) -> None:
    delete_where(Token, Token.id == id)
    db.session.commit()


SCENARIOS: dict[str, tuple[Answer, Answer, Any]] = {
    "insert and list": (_list, _insert, True),
    "revoke and row": (_row, _revoke, False),
    "delete and row": (_row, _delete, None),
    "insert of an absent id": (_row, _insert, True),
}


@contextmanager
def keeping(app: Flask) -> Iterator[None]:
    """Stop actors before they remember what they read."""
    local = app.extensions["token_cache"].reader._local
    put = local._put

    def stepped_put(*arguments: Any) -> None:
        actor = threading.current_thread()
        if isinstance(actor, Actor):
            actor.stop_before("keep")
        put(*arguments)

    local._put = stepped_put
    try:
        yield
    finally:
        local._put = put


def explore(processes: tuple[Flask, Flask], moved: MovedTime, user: User, scenario: str) -> int:
    there, here = processes
    answer, write, expected = SCENARIOS[scenario]
    local = there.extensions["token_cache"].reader._local
    user_id = user.id

    def poll(_actor: Actor) -> None:
        moved.now += TRUST_SECONDS
        local.catch_up()

    def run_one(choose: Callable[[list[str]], int]) -> None:
        with here.app_context():
            id = uuid4() if write is _insert else add_token(user_id)[0].id
        with there.app_context():
            answer(id, user_id)
        with here.app_context():
            token_cache.get_tokens_by_user(user_id)
        moved.now += TRUST_SECONDS
        for app in processes:
            app.extensions["token_cache"].backend.trust.check()
        local._values.clear()
        local._absent.clear()
        actors = [
            Actor(there, lambda _: answer(id, user_id)),
            Actor(here, lambda _: write(id, user_id)),
            Actor(there, poll),
        ]
        with stepping(here), stepping(there, commits=False), keeping(there):
            for actor in actors[:2]:
                actor.begin()
            started = 2
            while True:
                waiting = [a for a in actors[:started] if a.waits_at]
                if not waiting:
                    break
                # A poll would wait for the one that the reader has begun.
                can_poll = started == 2 and actors[0].waits_at != "log"
                names = [str(a.waits_at) for a in waiting] + ["poll"] * can_poll
                chosen = choose(names)
                if chosen == len(waiting):
                    actors[2].begin()
                    actors[2].step()
                    started = 3
                else:
                    waiting[chosen].step()
            for actor in actors[:started]:
                actor.join()
                if actor.error is not None:
                    raise actor.error
        with there.app_context():
            assert answer(id, user_id) == expected, "an answer contradicts a report"
        with here.app_context():
            delete_where(Token, Token.user_id == user_id)
            db.session.commit()

    return sum(1 for _ in every_schedule(run_one, 6000))


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_interleaving_contradicts_a_report(
    processes: tuple[Flask, Flask], moved: MovedTime, user: User, scenario: str
) -> None:
    assert explore(processes, moved, user, scenario) >= 5


def test_memory_is_trusted_no_longer_than_the_check_before_its_poll(
    processes: tuple[Flask, Flask],
    make_app: Callable[..., Flask],
    moved: MovedTime,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A process polls during another thread's check, which is about to find a journaled change."""
    there, _ = processes
    cut_off = make_app(REDIS_URL="redis://127.0.0.1:1/0", CACHE_TRUST="5000")
    parts = there.extensions["token_cache"]
    with there.app_context():
        id = add_token(user.id)[0].id
        parts.backend.trust.check()
        assert _row(id, user.id) is True

    def wait(seconds: float) -> None:
        moved.now += seconds - TRUST_SECONDS / 2
        with parts.backend.trust._checking:
            parts.reader._local.catch_up()
        moved.now += TRUST_SECONDS / 2

    monkeypatch.setattr(moved, "wait", wait)
    with cut_off.app_context():
        _revoke(id, user.id)

    with there.app_context():
        assert _row(id, user.id) is False


MISTAKES = {
    "no wait": "revoke and row",
    "no guard": "revoke and row",
    "nothing logged": "revoke and row",
    "logged before the fence": "revoke and row",
    "list left out": "insert and list",
}


@pytest.mark.ends_in_disagreement
@pytest.mark.parametrize("mistake", MISTAKES)
def test_harness_catches_each_mistake(
    processes: tuple[Flask, Flask],
    moved: MovedTime,
    user: User,
    mistake: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there, here = processes
    backend = here.extensions["token_cache"].backend
    local = there.extensions["token_cache"].reader._local
    fence, put, committed = backend.fence, local._put, writer._committed_values

    def fence_late(id: bytes, keys: Any) -> float:
        change_log.ChangeLog(backend.client).append(keys)
        return float(fence(id, keys))

    if mistake == "no wait":
        backend.fence = lambda *arguments: fence(*arguments) * 0.0
    elif mistake == "no guard":
        local._put = lambda memory, entry, value, _: put(memory, entry, value, local._generation)
    elif mistake == "list left out":
        monkeypatch.setattr(
            writer, "_committed_values", lambda *a: {k: v for k, v in committed(*a).items() if v}
        )
    else:
        monkeypatch.setattr(steps, "addition", lambda _: change_log.addition([]))
        if mistake == "logged before the fence":
            backend.fence = fence_late

    with pytest.raises(AssertionError, match="contradicts"):
        explore(processes, moved, user, MISTAKES[mistake])
