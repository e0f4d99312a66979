"""Runs the real code on real servers in every order of its remote steps.

Actors are threads. Each stops before every remote step (a round trip to Redis, a load, a COMMIT)
until the schedule releases it. `every_schedule` repeats the run, depth first, until it has covered
every order. No product code is replaced.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import event

from authapp.models import db
from authapp.token_cache.redis.client import Command, Script
from tests.support.waiting import PATIENCE_SECONDS


class Crashed(BaseException):
    """The process crashed at this step."""


class Actor(threading.Thread):
    """One reader or writer, stopped before each of its steps."""

    def __init__(self, app: Flask, play: Callable[["Actor"], Any]) -> None:
        super().__init__(daemon=True)
        self.waits_at: str | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self.crash_at: str | None = None
        self.has_lock = self.has_committed = False
        self.fails_at_commit = self.crashes_before_settling = False
        self._app = app
        self._play = play
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)

    def run(self) -> None:
        local.actor = self
        try:
            with self._app.app_context():
                self.result = self._play(self)
        except BaseException as error:
            self.error = error
        finally:
            local.actor = None
            self.waits_at = None
            self._stopped.release()

    def stop_before(self, step: str) -> None:
        self.waits_at = step
        self._stopped.release()
        assert self._go.acquire(timeout=PATIENCE_SECONDS)
        if self.crash_at == step:
            raise Crashed

    def begin(self) -> None:
        self.start()
        assert self._stopped.acquire(timeout=PATIENCE_SECONDS)

    def step(self) -> None:
        """Take one step, and stop before the next."""
        self._go.release()
        assert self._stopped.acquire(timeout=PATIENCE_SECONDS), f"stuck after {self.waits_at}"


class _Local(threading.local):
    actor: Actor | None = None


local = _Local()


def _stop_before(step: str) -> None:
    if local.actor is not None:
        local.actor.stop_before(step)


@contextmanager
def stepping(app: Flask, *, commits: bool = True) -> Iterator[None]:
    """Stop actors before every remote step of an application.

    All applications share one session: only one of them may stop before COMMIT.
    """
    assembly = app.extensions["token_cache"]
    redis, database = assembly.backend.client, assembly.database
    read, run, load = redis.read, redis.run, database.load

    def stepped_read(keys: Sequence[str]) -> list[bytes | None]:
        _stop_before("read")
        return read(keys)

    def stepped_run(scripts: Sequence[Script], then: Sequence[Command] = ()) -> Any:
        """Fences and the log are two steps, as they are in a cluster."""
        if not scripts:
            _stop_before("log")
            return run((), then=then)
        _stop_before("run")
        answers, _ = run(scripts)
        if then:
            _stop_before("log")
        return answers, run((), then=then)[1] if then else []

    def stepped_load(*arguments: Any) -> Any:
        _stop_before("load")
        return load(*arguments)

    def stepped_commit(_session: Any) -> None:
        """Runs after the fence, because it was registered after it, and before COMMIT."""
        _stop_before("commit")

    redis.read, redis.run, database.load = stepped_read, stepped_run, stepped_load
    if commits:
        event.listen(db.session, "before_commit", stepped_commit)
    try:
        yield
    finally:
        del redis.read, redis.run, database.load
        if commits:
            event.remove(db.session, "before_commit", stepped_commit)


def every_schedule(
    run_one: Callable[[Callable[[list[str]], int]], None], most: int
) -> Iterator[list[int]]:
    """Call `run_one` with a chooser until every order was chosen; yields the choices made.

    The chooser gets the actors that may go next and returns one. Fails instead of stopping early.
    """
    prefix: list[int] = []
    for _ in range(most):
        choices: list[tuple[int, int]] = []

        def choose(
            options: list[str],
            prefix: list[int] = prefix,
            choices: list[tuple[int, int]] = choices,
        ) -> int:
            at = len(choices)
            chosen = prefix[at] if at < len(prefix) else 0
            choices.append((chosen, len(options)))
            return chosen

        run_one(choose)
        yield [chosen for chosen, _ in choices]
        while choices and choices[-1][0] == choices[-1][1] - 1:
            choices.pop()
        if not choices:
            return
        last, _ = choices.pop()
        prefix = [chosen for chosen, _ in choices] + [last + 1]
    raise AssertionError(f"more than {most} schedules")
