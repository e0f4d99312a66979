"""Runs a WSGI application under granian's RSGI interface; no thread waits for a request's body.

Under granian's own WSGI interface, a client that is slow to send its body occupies a thread
without a time limit, and `X_Forwarded_For` overrides `X-Forwarded-For`. Here a body has a deadline
and is complete before a thread starts on the request, and headers with underscores in their names
are dropped.
"""

import asyncio
import io
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from deploy import stop_signals
from deploy.request_threads import RequestThreads

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from granian._granian import RSGIHTTPProtocol
    from granian.rsgi import Scope

_Headers = list[tuple[str, str]]
_Answer = tuple[int, _Headers, bytes]

_CONSTANT: Final[dict[str, Any]] = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.input_terminated": True,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
_WITHOUT_PREFIX: Final = {"content-length": "CONTENT_LENGTH", "content-type": "CONTENT_TYPE"}
_TEXT: Final = ("content-type", "text/plain; charset=utf-8")
_TOO_SLOW: Final = (
    408,
    [_TEXT, ("connection", "close")],
    b"The request took too long to arrive.\n",
)
_HUNG_UP: Final = (400, [_TEXT, ("connection", "close")], b"The request was cut short.\n")


class WSGIOverRSGI:
    """An RSGI application that answers from a WSGI application in threads."""

    def __init__(
        self,
        app: "WSGIApplication",
        *,
        threads: int,
        body_limit: int,
        body_seconds: float,
        on_stop: Callable[[], object],
    ) -> None:
        self._app = app
        self._on_stop = on_stop
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._threads = RequestThreads(self._call, threads)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon(stop_signals.release)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._threads.stop()
        self._on_stop()

    async def __rsgi__(self, scope: "Scope", protocol: "RSGIHTTPProtocol") -> None:
        """Answer one request."""
        headers = scope.headers
        body = b""
        if "content-length" in headers or "transfer-encoding" in headers:
            try:
                async with asyncio.timeout(self._body_seconds):
                    body = await self._read(protocol)
            except TimeoutError:
                return protocol.response_bytes(*_TOO_SLOW)
            except Exception:
                return protocol.response_bytes(*_HUNG_UP)
        return protocol.response_bytes(*await self._threads.answer(_environ(scope, body)))

    async def _read(self, protocol: "RSGIHTTPProtocol") -> bytes:
        """Return the body, or just enough of it for the application to refuse it as too large."""
        body = bytearray()
        async for chunk in protocol:
            body += chunk
            if len(body) > self._body_limit:
                break
        return bytes(body)

    def _call(self, environ: dict[str, Any]) -> _Answer:
        started: list[tuple[int, _Headers]] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: _Headers, exc_info: object = None
        ) -> Callable[[bytes], object]:
            started[:] = [(int(status[:3]), headers)]
            return written.append

        chunks: Iterable[bytes] = self._app(environ, start_response)
        try:
            written.extend(chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        return *started[0], b"".join(written)


def _environ(scope: "Scope", body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333)."""
    server, _, port = scope.server.rpartition(":")
    environ = {
        **_CONSTANT,
        "REQUEST_METHOD": scope.method,
        # RSGI has the path as text; WSGI has its UTF-8 bytes, decoded as Latin-1.
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": server,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in scope.headers.items():
        _add_header(environ, name, value)
    if environ.pop("HTTP_TRANSFER_ENCODING", None):
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _add_header(environ: dict[str, Any], name: str, value: str) -> None:
    # X_Forwarded_For would become X-Forwarded-For, which only a trusted proxy may add to.
    if "_" in name:
        return
    key = _WITHOUT_PREFIX.get(name) or f"HTTP_{name.upper().replace('-', '_')}"
    if key in environ:
        environ[key] += ("; " if name == "cookie" else ",") + value
    else:
        environ[key] = value
