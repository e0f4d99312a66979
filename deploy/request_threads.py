"""Threads that answer the requests of an event loop.

asyncio's own way, a ThreadPoolExecutor, guards each call with two futures that have locks. That
takes a quarter of the CPU time of a cheap request.
"""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Generic, NamedTuple, TypeVar

Answer = TypeVar("Answer")


class _Request(NamedTuple, Generic[Answer]):
    environ: dict[str, Any]
    loop: asyncio.AbstractEventLoop
    answered: asyncio.Future[Answer]


class RequestThreads(Generic[Answer]):
    """A fixed number of threads that call `answer` with the environment of each request."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer], number: int) -> None:
        self._answer = answer
        self._waiting: SimpleQueue[_Request[Answer] | None] = SimpleQueue()
        self._threads = [
            Thread(target=self._work, name=f"request_{n}", daemon=True) for n in range(number)
        ]
        for thread in self._threads:
            thread.start()

    async def answer(self, environ: dict[str, Any]) -> Answer:
        """Return what a thread answers, or raise what it raises."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Answer] = loop.create_future()
        self._waiting.put(_Request(environ, loop, answered))
        return await answered

    def stop(self) -> None:
        """Wait until every waiting request has been answered."""
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (request := self._waiting.get()) is not None:
            settle: tuple[Callable[[Any], None], Any]
            try:
                settle = request.answered.set_result, self._answer(request.environ)
            except BaseException as error:
                settle = request.answered.set_exception, error
            request.loop.call_soon_threadsafe(_settle, request.answered, *settle)


def _settle(answered: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    # The client of a canceled request has disconnected.
    if not answered.cancelled():
        settle(outcome)
