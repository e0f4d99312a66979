"""Processes that read, revoke and rotate at random while Redis is frozen, killed and restarted.

Every change reported as done is recorded in a ledger that all processes share. A reader looks into
the ledger first, and its answer may not be older than what it found there. To run it by hand:
`make torture SECONDS=600`.
"""

import logging
import multiprocessing
import os
import random
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from authapp import create_app
from authapp.domain import sessions
from authapp.domain.api_tokens import check
from authapp.domain.client import Client
from authapp.domain.sessions import SignedIn
from authapp.errors import DomainError, TokenRefused, Unavailable
from authapp.models import EndReason, User, db
from authapp.services import api_tokens, refresh
from authapp.token_cache import token_cache
from authapp.token_cache.counters import Event
from tests.support.accounts import start_session
from tests.support.applications import HURRIED
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_token

PROCESSES = 2
THREADS = 2
SLOTS = 60
WRITES = 0.08
"""The share of operations that change something."""

ORIGIN = Client("192.0.2.1", "a browser")


@dataclass(frozen=True)
class Slot:
    """A session and an API token, with the values that their holders have."""

    session: SignedIn
    token_id: UUID
    token: str


@dataclass(frozen=True)
class Ledger:
    """What was reported as done, by slot, and how many operations are left.

    `begun` is set before a revocation, `ended` once it was reported; a generation is recorded
    once its rotation was reported.
    """

    sessions_begun: Any
    sessions_ended: Any
    tokens_begun: Any
    tokens_ended: Any
    generations: Any
    left: Any
    is_over: Any

    @classmethod
    def of(cls, context: SpawnContext, operations: int) -> "Ledger":
        flags = [context.Array("b", SLOTS, lock=False) for _ in range(4)]
        generations = context.Array("i", SLOTS, lock=False)
        return cls(*flags, generations, context.Value("l", operations), context.Event())

    def take(self) -> bool:
        """Take one operation and return True, or return False if none is left."""
        with self.left.get_lock():
            self.left.value -= 1
            return self.left.value >= 0 and not self.is_over.is_set()


@dataclass
class Round:
    """The outcome of a round."""

    counts: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)

    def __add__(self, other: "Round") -> "Round":
        return Round(self.counts + other.counts, self.stale + other.stale)


class Hand:
    """One thread of one process."""

    def __init__(self, app: Flask, number: int, seed: int, slots: list[Slot], told: Ledger) -> None:
        self.done = Round()
        self._app = app
        self._random = random.Random(seed * 1000 + number)
        self._slots = slots
        self._told = told
        # No other thread rotates these: a refresh token has one holder.
        self._mine = {i: slots[i].session for i in range(number, SLOTS, PROCESSES * THREADS)}

    def work(self) -> None:
        """Run random operations until none are left."""
        reads = [self.read_session, self.read_token, self.read_generation]
        writes = [self.revoke_session, self.revoke_token, self.rotate, self.rotate, self.rotate]
        while self._told.take():
            operation = self._random.choice(writes if self._random.random() < WRITES else reads)
            with self._app.app_context():
                try:
                    operation(self._random.randrange(SLOTS))
                except (Unavailable, SQLAlchemyError) as error:
                    db.session.rollback()
                    self.done.counts[f"not answered: {type(error).__name__}"] += 1

    def read_session(self, at: int) -> None:
        was_ended = self._told.sessions_ended[at]
        try:
            sessions.authenticate(self._slots[at].session.access_token)
        except TokenRefused:
            self._judge_refusal("session", at, self._told.sessions_begun[at])
        else:
            self._judge_acceptance("session", at, was_ended)

    def read_token(self, at: int) -> None:
        was_ended = self._told.tokens_ended[at]
        try:
            check(self._slots[at].token)
        except TokenRefused:
            self._judge_refusal("token", at, self._told.tokens_begun[at])
        else:
            self._judge_acceptance("token", at, was_ended)

    def read_generation(self, at: int) -> None:
        least = self._told.generations[at]
        record = token_cache.get_refresh_token_by_id(self._slots[at].session.identity.session_id)
        self.done.counts["generations read"] += 1
        if record is None or record.generation < least:
            self.done.stale.append(f"session {at} was read before its generation {least}")

    def revoke_session(self, at: int) -> None:
        identity = self._slots[at].session.identity
        self._told.sessions_begun[at] = 1
        sessions.end(identity.session_id, identity.user_id, EndReason.SIGNED_OUT)
        db.session.commit()
        self._told.sessions_ended[at] = 1
        self.done.counts["sessions revoked"] += 1

    def revoke_token(self, at: int) -> None:
        slot = self._slots[at]
        self._told.tokens_begun[at] = 1
        try:
            api_tokens.revoke(slot.session.identity.user_id, slot.token_id, client=ORIGIN)
        except DomainError:
            return  # another thread has revoked it
        self._told.tokens_ended[at] = 1
        self.done.counts["tokens revoked"] += 1

    def rotate(self, _: int) -> None:
        at = self._random.choice(list(self._mine))
        try:
            self._mine[at] = refresh.renew(self._mine[at].refresh_token, client=ORIGIN)
        except TokenRefused:
            self._judge_refusal("refresh token", at, self._told.sessions_begun[at])
            return
        self._told.generations[at] = int(self._mine[at].refresh_token.split(".")[1])
        self.done.counts["rotations"] += 1

    def _judge_acceptance(self, what: str, at: int, was_ended: int) -> None:
        self.done.counts[f"{what}s accepted"] += 1
        if was_ended:
            self.done.stale.append(f"{what} {at} was accepted after its revocation was reported")

    def _judge_refusal(self, what: str, at: int, was_begun: int) -> None:
        self.done.counts[f"{what}s refused"] += 1
        if not was_begun:
            self.done.stale.append(f"{what} {at} was refused, and nobody had revoked it")


def work(
    number: int, seed: int, environ: dict[str, str], slots: list[Slot], told: Ledger, answers: Any
) -> None:
    """Run as one process, and send its outcome back."""
    logging.disable(logging.WARNING)
    app = create_app(environ)
    hands = [Hand(app, number * THREADS + thread, seed, slots, told) for thread in range(THREADS)]
    threads = [threading.Thread(target=hand.work) for hand in hands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = sum((hand.done for hand in hands), Round())
    parts = app.extensions["token_cache"]
    for event in (Event.RECALL, Event.HIT, Event.MISS, Event.JOURNAL, Event.REPLAY):
        done.counts[f"cache: {event}"] = parts.counters.counted(event)
    parts.close()
    answers.put((done.counts, done.stale))


def mistreat(server: RedisServer, chance: random.Random, told: Ledger) -> Counter[str]:
    """Freeze, kill and restart the server until no operation is left; leave it running."""
    faults: Counter[str] = Counter()

    def pause(longest: float) -> None:
        told.is_over.wait(chance.uniform(0.02, longest))

    while told.left.value > 0 and not told.is_over.is_set():
        pause(0.6)
        fault = chance.choice(["frozen", "killed", "killed, restarted as it was before"])
        faults[fault] += 1
        if fault == "frozen":
            server.freeze()
        else:
            with server.client as client:
                if fault != "killed":
                    client.save()
                    pause(0.3)
            server.kill()
        pause(0.4)
        server.revive()
    return faults


def play(
    app: Flask, user: User, server: RedisServer, environ: dict[str, str], seed: int, operations: int
) -> Round:
    """Play one round: new sessions and tokens, and this many operations across all processes."""
    context = multiprocessing.get_context("spawn")
    told, answers = Ledger.of(context, operations), context.Queue()
    with app.app_context():
        slots = [_slot(user) for _ in range(SLOTS)]
    arguments = (seed, environ, slots, told, answers)
    processes = [
        context.Process(target=work, args=(n, *arguments), daemon=True) for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    faults = mistreat(server, random.Random(seed), told)
    done = sum((Round(*answers.get(timeout=PATIENCE_SECONDS)) for _ in processes), Round())
    for process in processes:
        process.join()
    done.counts.update({f"server {fault}": times for fault, times in faults.items()})
    return done


def _slot(user: User) -> Slot:
    token, value = add_token(user.id)
    return Slot(start_session(user.id, remember=False, client=ORIGIN), token.id, value)


def report(done: Round, seconds: float) -> str:
    """Return a readable summary of a round."""
    lines = [f"{number:>10,}  {what}" for what, number in sorted(done.counts.items())]
    verdict = "\n".join(done.stale[:20]) or "Nothing stale was accepted, nothing good was refused."
    return "\n".join([f"In {seconds:.0f} seconds:", *lines, verdict])


def for_seconds(
    app: Flask, user: User, server: RedisServer, environ: dict[str, str], seconds: float
) -> Round:
    """Play rounds until the time is up or a stale answer was found."""
    began, done = time.monotonic(), Round()
    while not done.stale and (passed := time.monotonic() - began) < seconds:
        seed = random.SystemRandom().randrange(1 << 30)
        sys.stdout.write(f"{passed:6.0f} s  a round with seed {seed}\n")
        sys.stdout.flush()
        done += play(app, user, server, environ, seed, operations=20_000)
    return done


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED}


def test_torture(
    app: Flask, user: User, redis_server: RedisServer, environ: dict[str, str], capsys: Any
) -> None:
    seconds = float(os.environ.get("SECONDS", "60"))
    began = time.monotonic()
    with capsys.disabled():
        done = for_seconds(app, user, redis_server, environ, seconds)
        sys.stdout.write(report(done, time.monotonic() - began) + "\n")

    assert done.stale == []
