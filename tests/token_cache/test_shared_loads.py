"""Requests that wait at the same time share one load, and none gets an older answer for it."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from authapp.errors import Unavailable
from authapp.token_cache.coherence import shared_loads
from authapp.token_cache.coherence.shared_loads import SharedLoads
from authapp.token_cache.entries import CachedEntry, RowEntry
from authapp.token_cache.records import TOKEN
from tests.support.waiting import PATIENCE_SECONDS, wait_until

A, B, C = (RowEntry(TOKEN, uuid4()) for _ in range(3))


class Database:
    """Answers each load with its number; the first load waits until it is released."""

    def __init__(self) -> None:
        self.loads: list[Sequence[CachedEntry]] = []
        self.released = threading.Event()
        self.fails = False

    def load(self, entries: Sequence[CachedEntry]) -> dict[CachedEntry, Any]:
        self.loads.append(entries)
        number = len(self.loads)
        if number == 1:
            assert self.released.wait(PATIENCE_SECONDS)
        if self.fails and len(entries) > 1:
            raise Unavailable
        return dict.fromkeys(entries, number)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def loads(database: Database) -> SharedLoads:
    return SharedLoads(database.load)


@pytest.fixture
def begin(loads: SharedLoads, database: Database) -> Iterator[Callable[..., Future[Any]]]:
    """Load in a thread; return once it is loading, waits for the first load, or has ended."""
    with ThreadPoolExecutor(4) as pool:

        def start(*entries: CachedEntry) -> Future[Any]:
            is_first = not database.loads
            job = pool.submit(loads.load, entries)

            def has_begun() -> bool:
                if is_first:
                    return bool(database.loads)
                waiting = loads._next
                return job.done() or (waiting is not None and set(entries) <= set(waiting.entries))

            wait_until(has_begun, "the load does not begin")
            return job

        yield start
        database.released.set()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_loads, "PATIENCE_SECONDS", PATIENCE_SECONDS)


@pytest.mark.usefixtures("patient")
def test_requests_that_wait_share_one_load(
    begin: Callable[..., Future[Any]], database: Database
) -> None:
    first, *others = begin(A), begin(B), begin(C, B)
    database.released.set()

    assert first.result() == {A: 1}
    assert [other.result() for other in others] == [{B: 2}, {B: 2, C: 2}]
    assert len(database.loads) == 2


@pytest.mark.usefixtures("patient")
def test_request_never_gets_an_answer_from_a_load_that_began_before_it(
    begin: Callable[..., Future[Any]], database: Database
) -> None:
    first, second = begin(A), begin(A)
    database.released.set()

    assert (first.result(), second.result()) == ({A: 1}, {A: 2})


def test_request_does_not_wait_for_a_slow_load(
    begin: Callable[..., Future[Any]], database: Database
) -> None:
    begin(A)

    assert begin(B).result() == {B: 2}
    assert not database.released.is_set()


@pytest.mark.usefixtures("patient")
def test_request_whose_shared_load_fails_loads_alone(
    begin: Callable[..., Future[Any]], database: Database
) -> None:
    _, second, third = begin(A), begin(B), begin(C)
    database.fails = True
    database.released.set()

    with pytest.raises(Unavailable):
        second.result()
    assert third.result() == {C: 3}
