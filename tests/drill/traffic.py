"""Clients that send requests without pause or at a pace, and count the answers."""

import http.client
import select
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.bench.load import Script

NO_ANSWER: Final = "none"
_SILENCE_SECONDS: Final = 30.0
_RECONNECT_SECONDS: Final = 0.05


@dataclass(frozen=True)
class Kind:
    """One kind of request: a script for each client, and how long it pauses after an answer.

    Clients that are not `patient` ignore Retry-After.
    """

    name: str
    scripts: Sequence[Script]
    pause_seconds: float
    is_patient: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer, or none; `raw` is its beginning and its body, for scripts."""

    status: str = NO_ANSWER
    raw: bytes = b""
    retry_after_seconds: float | None = None


@dataclass
class Answers:
    """The answers to one kind of request during one fault; durations in milliseconds."""

    statuses: Counter[str] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)
    without_retry_after: int = 0

    @property
    def slowest_ms(self) -> float:
        return max(self.took_ms, default=0.0)

    @property
    def p99_ms(self) -> float:
        if len(self.took_ms) < 2:
            return self.slowest_ms
        return statistics.quantiles(self.took_ms, n=100, method="inclusive")[98]

    def add(self, answer: Answer, seconds: float) -> None:
        self.statuses[answer.status] += 1
        self.took_ms.append(seconds * 1000)
        if answer.status == "503" and answer.retry_after_seconds is None:
            self.without_retry_after += 1


class Traffic:
    """Sends requests of several kinds until it is stopped."""

    def __init__(self, port: int, kinds: list[Kind]) -> None:
        self._names = [kind.name for kind in kinds]
        self.answers = self._none()
        self._port = port
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(kind, script), daemon=True)
            for kind in kinds
            for script in kind.scripts
        ]

    def _none(self) -> dict[str, Answers]:
        return {name: Answers() for name in self._names}

    @property
    def answered(self) -> int:
        """How many requests were answered since the start, or since answers were last taken."""
        with self._lock:
            return sum(len(each.took_ms) for each in self.answers.values())

    def take(self) -> dict[str, Answers]:
        """Return the answers since the start, or since they were last taken."""
        with self._lock:
            taken, self.answers = self.answers, self._none()
        return taken

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _send(self, kind: Kind, script: Script) -> None:
        client, answer = Client(self._port), Answer()
        while not self._stopping.is_set():
            sent, began = script(answer.raw), time.monotonic()
            answer = client.ask(sent)
            took = time.monotonic() - began
            with self._lock:
                self.answers[kind.name].add(answer, took)
            wait = answer.retry_after_seconds or 0.0
            self._stopping.wait(max(kind.pause_seconds, wait if kind.is_patient else 0.0))
        client.close()


class Client:
    """One connection that is kept alive; it is opened again as browsers and proxies do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, sent: bytes) -> Answer:
        """Send a request, and return the answer."""
        if self._socket is not None and _has_hung_up(self._socket):
            self.close()
        is_reused = self._socket is not None
        with suppress(OSError, http.client.HTTPException):
            return self._ask(sent)
        self.close()
        # The server may close a connection just before a request (RFC 9110 section 9.2.2).
        if is_reused and sent.startswith(b"GET"):
            with suppress(OSError, http.client.HTTPException):
                return self._ask(sent)
            self.close()
        time.sleep(_RECONNECT_SECONDS)
        return Answer()

    def _ask(self, sent: bytes) -> Answer:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), _SILENCE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(sent)
        with http.client.HTTPResponse(self._socket) as response:
            response.begin()
            body = response.read()
            if response.will_close:
                self.close()
            wait = response.headers["Retry-After"]
            raw = b"HTTP/1.1 %d\r\n\r\n%s" % (response.status, body)
            return Answer(str(response.status), raw, None if wait is None else float(wait))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _has_hung_up(connection: socket.socket) -> bool:
    """Return whether the server has closed an idle connection."""
    return bool(select.select([connection], [], [], 0)[0])
