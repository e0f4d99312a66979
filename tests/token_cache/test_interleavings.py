"""Every order of the remote steps of readers and writers of one key: no read is stale.

The invariant is that of docs/coherence.md: a read that began after a commit returns that commit or
a later one; and once all have ended, the cached value is the committed one.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from authapp.models import RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.token_cache import token_cache
from tests.token_cache.rows import add_session
from tests.token_cache.schedules import Actor, Crashed, every_schedule, stepping


class Race:
    """One run of some actors on one session row, whose generation counts its commits."""

    def __init__(self, app: Flask, user_id: UUID, *, warm: bool) -> None:
        self.app = app
        self.committed = 0
        self.began_at: dict[Actor, int] = {}
        with app.app_context():
            self.id = add_session(user_id).id
            if warm:
                token_cache.get_refresh_token_by_id(self.id)
            else:
                token_cache.invalidate_refresh_token(self.id)

    def reader(self) -> Actor:
        def play(actor: Actor) -> int:
            record = token_cache.get_refresh_token_by_id(self.id)
            assert record is not None
            return record.generation

        return Actor(self.app, play)

    def writer(self, *, rolls_back: bool = False, crashes: bool = False) -> Actor:
        def play(actor: Actor) -> None:
            actor.stop_before("update")
            next_one = RefreshToken.generation + 1
            update_where(RefreshToken, RefreshToken.id == self.id, generation=next_one)
            db.session.commit()

        actor = Actor(self.app, play)
        actor.fails_at_commit = rolls_back
        actor.crashes_before_settling = crashes
        return actor

    def run(self, actors: list[Actor], choose: Callable[[list[str]], int]) -> None:
        for actor in actors:
            actor.begin()
        while waiting := [a for a in actors if a.waits_at and self._may_go(a, actors)]:
            actor = waiting[choose([a.waits_at for a in waiting])]
            self.began_at.setdefault(actor, self.committed)
            self._step(actor)
        for actor in actors:
            actor.join()

    def _may_go(self, actor: Actor, actors: list[Actor]) -> bool:
        """A row's lock keeps a second writer out from the first one's UPDATE to its COMMIT."""
        holders = [a for a in actors if a is not actor and a.has_lock and a.is_alive()]
        return not (actor.waits_at == "update" and holders)

    def _step(self, actor: Actor) -> None:
        at = actor.waits_at
        if at == "update":
            actor.has_lock = True
        if at == "commit" and actor.has_lock:
            if actor.fails_at_commit:
                # The lock is released with the connection, when the actor ends.
                actor.crash_at = "commit"
            else:
                actor.has_lock, actor.has_committed = False, True
                self.committed += 1
        elif at == "run" and actor.has_committed and actor.crashes_before_settling:
            actor.crash_at = "run"
        actor.step()

    def check(self, actors: list[Actor]) -> None:
        for actor in actors:
            if actor.error is not None and not isinstance(actor.error, Crashed):
                raise actor.error
            if isinstance(actor.result, int):
                assert actor.result >= self.began_at[actor], "a read returned the past"
        with self.app.app_context():
            left = token_cache.get_refresh_token_by_id(self.id)
            assert left is not None
            assert left.generation == self.committed, "what is cached is not what is committed"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application whose checks of Redis stay out of the schedules."""
    app = make_app(CACHE_TRUST="5000", CACHE_LOCAL_TRUST="0")
    with app.app_context():
        token_cache.get_active_jwt_keys()
    return app


def explore(
    app: Flask, user: User, actors: Callable[[Race], list[Actor]], *, warm: bool, most: int
) -> int:
    def run_one(choose: Callable[[list[str]], int]) -> None:
        app.extensions["token_cache"].backend.trust.check()
        race = Race(app, user.id, warm=warm)
        cast = actors(race)
        with stepping(app):
            race.run(cast, choose)
        race.check(cast)

    return sum(1 for _ in every_schedule(run_one, most))


CASTS: dict[str, Callable[[Race], list[Actor]]] = {
    "reader and writer": lambda race: [race.reader(), race.writer()],
    "reader and rollback": lambda race: [race.reader(), race.writer(rolls_back=True)],
    "reader and crash": lambda race: [race.reader(), race.writer(crashes=True)],
    "two writers": lambda race: [race.writer(), race.writer()],
    "writer and rollback": lambda race: [race.writer(), race.writer(rolls_back=True)],
    "writer and crash": lambda race: [race.writer(), race.writer(crashes=True)],
}


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("cast", CASTS)
def test_no_interleaving_makes_a_read_stale(app: Flask, user: User, cast: str, warm: bool) -> None:
    schedules = explore(app, user, CASTS[cast], warm=warm, most=400)

    assert schedules >= 5


def test_harness_catches_a_cache_without_fences(app: Flask, user: User) -> None:
    """Without fences, some order makes a read stale."""
    parts: Any = app.extensions["token_cache"]
    fence = parts.backend.fence
    parts.backend.fence = lambda writer, keys: 0.0
    try:
        with pytest.raises(AssertionError, match=r"past|committed"):
            explore(app, user, CASTS["reader and writer"], warm=True, most=400)
    finally:
        parts.backend.fence = fence
