"""A limited number of threads use the database; while it hangs, no other thread waits for it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import TimeoutError as PoolTimeout

from authapp.models import db
from authapp.models.database_slots import DatabaseSlots

MOST = 2
LONG = timedelta(seconds=30)


class Holders:
    """Threads that hold a slot until they are told to return it."""

    def __init__(self, slots: DatabaseSlots) -> None:
        self._slots = slots
        self._threads: list[threading.Thread] = []
        self._leave: list[threading.Event] = []

    def add(self) -> None:
        """Start a thread, and wait until it holds a slot."""
        taken, leave = threading.Event(), threading.Event()
        thread = threading.Thread(target=self._hold, args=(taken, leave), daemon=True)
        thread.start()
        assert taken.wait(LONG.total_seconds())
        self._threads.append(thread)
        self._leave.append(leave)

    def leave(self) -> None:
        """Make the first thread return its slot."""
        self._leave.pop(0).set()
        self._threads.pop(0).join()

    def leave_all(self) -> None:
        while self._threads:
            self.leave()

    def _hold(self, taken: threading.Event, leave: threading.Event) -> None:
        holder = self._slots.take()
        taken.set()
        leave.wait()
        self._slots.give_back(holder, is_answering=True)


@pytest.fixture
def slots() -> DatabaseSlots:
    return DatabaseSlots(MOST, LONG)


@pytest.fixture
def holders(slots: DatabaseSlots) -> Iterator[Holders]:
    holders = Holders(slots)
    with ExitStack() as stack:
        stack.callback(holders.leave_all)
        for _ in range(MOST):
            holders.add()
        yield holders


def take_and_return(slots: DatabaseSlots, *, is_answering: bool = True) -> None:
    slots.give_back(slots.take(), is_answering=is_answering)


def test_a_thread_is_refused_if_no_slot_is_returned(slots: DatabaseSlots, holders: Holders) -> None:
    with pytest.raises(PoolTimeout):
        slots.take()


def test_a_thread_gets_the_slot_that_another_returns(
    slots: DatabaseSlots, holders: Holders
) -> None:
    leaving = threading.Timer(0.01, holders.leave)
    leaving.start()

    take_and_return(slots)

    leaving.join()


def test_a_thread_holds_one_slot_for_all_its_connections(slots: DatabaseSlots) -> None:
    taken = [slots.take() for _ in range(MOST + 1)]

    for holder in taken:
        slots.give_back(holder, is_answering=True)
    take_and_return(slots)


def test_a_slot_whose_connection_broke_can_be_taken_again(
    slots: DatabaseSlots, holders: Holders
) -> None:
    holders.leave()

    take_and_return(slots, is_answering=False)
    take_and_return(slots)


def test_slots_that_are_taken_after_a_pause_are_not_stalled(slots: DatabaseSlots) -> None:
    take_and_return(slots)
    slots._moved_at -= LONG.total_seconds()
    holders = Holders(slots)
    for _ in range(MOST):
        holders.add()
    leaving = threading.Timer(0.01, holders.leave_all)
    leaving.start()

    take_and_return(slots)

    leaving.join()


def test_every_engine_returns_its_slots(make_app: Callable[..., Flask]) -> None:
    app = make_app(DATABASE_REQUESTS="1")
    slots: DatabaseSlots = app.extensions["database_slots"]
    loaders = app.extensions["token_cache"].database._loaders
    with app.app_context():
        for engine in (db.engine, loaders):
            for _ in range(3):
                with engine.connect(), loaders.connect() as connection:
                    connection.invalidate()
            engine.dispose()
            with engine.connect():
                pass

    assert not slots._held


def test_a_process_opens_no_more_connections_than_the_setting_allows(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(DATABASE_POOL_SIZE="2", DATABASE_REQUESTS="100", DATABASE_TIMEOUT="1")

    with (
        app.app_context(),
        db.engine.connect(),
        db.engine.connect(),
        pytest.raises(PoolTimeout),
    ):
        db.engine.connect()


def test_a_forked_process_begins_without_holders(slots: DatabaseSlots, holders: Holders) -> None:
    slots._reset()

    take_and_return(slots)
