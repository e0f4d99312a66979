"""A POST request to an address that was checked, within a time limit for all of it."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from authapp.config import current_settings
from authapp.delivery.failures import ServerUnavailable
from authapp.delivery.webhooks.addresses import first_few, resolve
from authapp.errors import ConfigError

_EXCERPT_BYTES: Final = 200
_AGENT: Final = "authapp-webhooks/1"


class Response(NamedTuple):
    """A status, and the printable beginning of the body unless the status is 2xx."""

    status: int
    excerpt: str


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Response:
    """Send the body without following redirects; raises ServerUnavailable without a response.

    DELIVERY_TIMEOUT limits everything, so that neither a name server nor an endpoint that responds
    one byte at a time can prolong it. No proxy from the environment is used: it would choose the
    address.
    """
    parts = urlsplit(url)
    is_secure, host = parts.scheme == "https", parts.hostname or ""
    port = parts.port or (443 if is_secure else 80)
    ends_at = time.monotonic() + current_settings().mail.delivery_timeout.total_seconds()
    addresses = resolve(host, port, only_this_host=not is_secure, ends_at=ends_at)
    connected = _connect(first_few(addresses), port, ends_at)
    connection = _connection(host, port, connected, is_secure=is_secure)
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    with _limited(connection, ends_at):
        return _exchange(connection, path, body, {"User-Agent": _AGENT, **headers})


def _connect(addresses: Sequence[str], port: int, ends_at: float) -> socket.socket:
    failure: OSError = TimeoutError("no time is left")
    for number, address in enumerate(addresses):
        left = (ends_at - time.monotonic()) / (len(addresses) - number)
        try:
            connected = socket.create_connection((address, port), timeout=max(left, 0.1))
        except OSError as error:
            failure = error
        else:
            # Only connecting had to leave time for the other addresses.
            connected.settimeout(max(ends_at - time.monotonic(), 0.1))
            return connected
    raise ServerUnavailable(f"cannot connect: {failure}") from failure


def _connection(
    host: str, port: int, connected: socket.socket, *, is_secure: bool
) -> http.client.HTTPConnection:
    """Return a connection over a socket, which never opens another."""
    if is_secure:
        context = tls(current_settings().webhooks.ca_file)
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, context=context
        )
        try:
            connected = context.wrap_socket(
                connected, server_hostname=host, do_handshake_on_connect=False
            )
        except (OSError, ValueError) as error:
            connected.close()
            raise ServerUnavailable(f"no TLS connection: {error}") from error
    else:
        connection = http.client.HTTPConnection(host, port)
    connection.sock, connection.auto_open = connected, 0
    return connection


def _exchange(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> Response:
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.do_handshake()
    connection.request("POST", path, body=body, headers=dict(headers))
    with connection.getresponse() as response:
        if 200 <= response.status < 300:
            return Response(response.status, "")
        excerpt = b""
        with suppress(OSError, http.client.HTTPException, ValueError):
            excerpt = response.read1(_EXCERPT_BYTES)
        return Response(response.status, _printable(excerpt))


def _printable(content: bytes) -> str:
    text = content[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@contextmanager
def _limited(connection: http.client.HTTPConnection, ends_at: float) -> Iterator[None]:
    """Close the connection at the end of the block, or cut it off when the time is up.

    Everything that can go wrong within the block is raised as ServerUnavailable.
    """
    is_late, connected = threading.Event(), connection.sock

    def cut_off() -> None:
        is_late.set()
        with suppress(OSError):
            # SSLSocket.shutdown would change what the other thread is reading from.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(max(ends_at - time.monotonic(), 0), cut_off)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError) as error:
        if not (is_late.is_set() or isinstance(error, TimeoutError)):
            raise ServerUnavailable(f"{type(error).__name__}: {error}"[:200]) from error
        is_late.set()
    finally:
        timer.cancel()
        connection.close()
    # Headers that were cut off look as if they were complete.
    if is_late.is_set():
        raise ServerUnavailable("it took too long")


# Reading the system's authorities takes 40 ms.
@lru_cache(maxsize=8)
def tls(file: str) -> ssl.SSLContext:
    """Return what verifies certificates; raises ConfigError if `file` cannot be used."""
    context = ssl.create_default_context()
    if file:
        try:
            context.load_verify_locations(file)
        except OSError as error:
            why = "has no PEM certificate" if Path(file).is_file() else "does not exist"
            raise ConfigError(f"WEBHOOK_CA_FILE {file} cannot be used: it {why}") from error
    return context
