"""Threads that answer the requests of an event loop."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Event, current_thread
from typing import Any

import pytest

from deploy.request_threads import RequestThreads
from tests.support.waiting import PATIENCE_SECONDS


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a thread: in this one, a browser of another test may have a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def test_each_request_gets_its_own_answer() -> None:
    async def answer_all() -> list[int]:
        return await asyncio.gather(*(threads.answer({"n": n}) for n in range(100)))

    threads = RequestThreads(lambda environ: environ["n"] * 2, 4)
    try:
        answers = run(answer_all())
    finally:
        threads.stop()

    assert answers == [n * 2 for n in range(100)]


def test_error_reaches_its_own_request_and_no_other() -> None:
    threads = RequestThreads(lambda environ: 1 / environ["n"], 1)
    try:
        with pytest.raises(ZeroDivisionError):
            run(threads.answer({"n": 0}))
        answer = run(threads.answer({"n": 2}))
    finally:
        threads.stop()

    assert answer == 0.5


def test_thread_goes_on_after_request_of_client_that_has_gone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    may_answer = Event()

    def slow(environ: dict[str, Any]) -> str:
        assert may_answer.wait(PATIENCE_SECONDS)
        return environ["name"]

    async def cancel_one() -> str:
        gone = asyncio.create_task(threads.answer({"name": "gone"}))
        await asyncio.sleep(0)
        gone.cancel()
        may_answer.set()
        return await threads.answer({"name": "next"})

    threads = RequestThreads(slow, 1)
    try:
        answer = run(cancel_one())
    finally:
        threads.stop()

    assert answer == "next"
    assert not caplog.records


def test_stopping_answers_what_waits() -> None:
    async def stop_while_two_wait() -> list[str]:
        waiting = [asyncio.create_task(threads.answer({})) for _ in range(2)]
        await asyncio.sleep(0)
        threads.stop()
        return await asyncio.gather(*waiting)

    threads = RequestThreads(lambda _environ: current_thread().name, 1)

    assert run(stop_while_two_wait()) == ["request_0", "request_0"]
