"""The load generator: one process, one loop, raw sockets that are kept alive.

It sends bytes that were built before and looks at no more of an answer than its length, so that a
request costs it a small part of what it costs a server; `Slice.own_share` says how much.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length:"
_SILENCE_SECONDS: Final = 20.0

Script = Callable[[bytes], bytes]
"""Given the last answer (empty at first), returns the next request."""


@dataclass
class Slice:
    """What one subject did in one slice of time."""

    seconds: float
    own_share: float
    statuses: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.took) / self.seconds


def request(
    method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return a request as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def always(sent: bytes) -> Script:
    """Return a script that repeats one request."""
    return lambda _: sent


class _Connection:
    """One kept-alive connection, and the request that it waits for."""

    def __init__(self, port: int, script: Script, selector: selectors.BaseSelector) -> None:
        self._port, self._script, self._selector = port, script, selector
        self._last = b""
        self._received = b""
        self._expected = 0
        self._began = 0.0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), _SILENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(self._socket, selectors.EVENT_READ, self)

    def send(self) -> None:
        self._received, self._expected = b"", 0
        sent = self._script(self._last)
        self._began = time.perf_counter()
        self._socket.sendall(sent)

    def receive(self) -> tuple[str, float] | None:
        """Return status and duration once the answer is whole."""
        received = self._socket.recv(1 << 17)
        if not received:
            return self._hung_up()
        self._received += received
        if not self._expected:
            self._expected = _whole_length(self._received)
        if not self._expected or len(self._received) < self._expected:
            return None
        took = time.perf_counter() - self._began
        self._last = self._received
        if b"\r\nconnection: close" in self._received[:1024].lower():
            self.close()
            self._connect()
        return self._received[9:12].decode(), took

    def _hung_up(self) -> tuple[str, float]:
        self.close()
        self._connect()
        return "hung up", time.perf_counter() - self._began

    def close(self) -> None:
        self._selector.unregister(self._socket)
        self._socket.close()


def _whole_length(received: bytes) -> int:
    """Return how many bytes an answer has in all, or 0 where its head is not here yet."""
    end = received.find(_END)
    if end < 0:
        return 0
    head = received[:end].lower()
    where = head.find(_LENGTH)
    if where < 0:
        return end + len(_END)
    return end + len(_END) + int(head[where + len(_LENGTH) :].split(b"\r\n", 1)[0])


def run(port: int, scripts: list[Script], seconds: float, limit: int = 0) -> Slice:
    """Ask over one connection for each script, all at once, for a time or for `limit` answers."""
    began, own = time.perf_counter(), time.process_time()
    give_up_at, taken = began + seconds, Slice(0.0, 0.0)
    with selectors.DefaultSelector() as selector:
        connections = [_Connection(port, script, selector) for script in scripts]
        for connection in connections:
            connection.send()
        waiting = len(connections)
        while waiting:
            ready = selector.select(_SILENCE_SECONDS)
            if not ready:
                taken.statuses["none"] += waiting
                break
            for key, _ in ready:
                answered = key.data.receive()
                if answered is None:
                    continue
                taken.statuses[answered[0]] += 1
                taken.took.append(answered[1])
                enough = limit and len(taken.took) + waiting > limit
                if time.perf_counter() < give_up_at and not enough:
                    key.data.send()
                else:
                    waiting -= 1
        for connection in connections:
            connection.close()
    taken.seconds = time.perf_counter() - began
    taken.own_share = (time.process_time() - own) / taken.seconds
    return taken
