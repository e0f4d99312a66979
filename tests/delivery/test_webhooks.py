"""Requests to endpoints, over real HTTP: signed, bounded, never to an internal address."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from authapp.delivery import webhooks
from authapp.delivery.failures import DeliveryFailed, ServerUnavailable
from authapp.delivery.webhooks import EndpointGone, Target
from authapp.delivery.webhooks.connection import _connect
from authapp.errors import ConfigError
from authapp.security import webhook_signatures
from tests.support.http_service import HTTPService
from tests.support.mail import Authority
from tests.support.on_sqlite import on_sqlite
from tests.support.waiting import PATIENCE_SECONDS

SECRET, FORMER = bytes(range(32)), bytes(range(32, 64))
EVENT = "3f0c4a3e-0000-4000-8000-000000000000"
LOCAL = {"WEBHOOK_NETWORKS": "127.0.0.0/8,::1/128", "DELIVERY_TIMEOUT": "60"}

pytestmark = on_sqlite


@pytest.fixture
def service() -> Iterator[HTTPService]:
    service = HTTPService()
    yield service
    service.close()


@pytest.fixture
def local(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """An application that may send webhooks to this machine."""
    app = make_app(**LOCAL)
    with app.app_context():
        yield app


@pytest.fixture
def hurried(make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """The same, for endpoints that never respond."""
    app = make_app(**{**LOCAL, "DELIVERY_TIMEOUT": "1"})
    with app.app_context():
        yield app


def send(url: str, *secrets: bytes) -> int:
    return webhooks.send(EVENT, '{"type":"webhook.test"}', Target(url, secrets or (SECRET,)))


def test_a_request_is_signed_as_another_implementation_expects(
    local: Flask, service: HTTPService
) -> None:
    assert send(f"{service.url}/hook?tenant=1", SECRET, FORMER) == 200

    (request,) = service.requests
    assert request.path == "/hook?tenant=1"
    assert request.headers["host"] == f"127.0.0.1:{service.port}"
    assert request.headers["webhook-id"] == EVENT
    assert request.headers["content-type"] == "application/json"
    for secret in (SECRET, FORMER):
        verifier = Webhook(webhook_signatures.as_text(secret))
        assert verifier.verify(request.body, request.headers) == {"type": "webhook.test"}
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_signatures.as_text(bytes(32))).verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        verifier.verify(request.body + b" ", request.headers)


@pytest.mark.parametrize("status", [199, 301, 302, 307, 401, 404, 429, 500, 503])
def test_a_failure_is_the_endpoints(local: Flask, service: HTTPService, status: int) -> None:
    service.answer = lambda _request: (status, b"no  thanks\x00\x1b[31m")

    with pytest.raises(ServerUnavailable) as failed:
        send(service.url)

    assert len(service.requests) == 1
    if status >= 300:
        assert str(failed.value) == f"{status} no thanks [31m"


def test_a_response_that_only_announces_another_is_a_failure(
    hurried: Flask, service: HTTPService
) -> None:
    service.answer = lambda _request: (100, b"")

    with pytest.raises(ServerUnavailable):
        send(service.url)


def test_a_refused_event_is_not_the_endpoints_fault(local: Flask, service: HTTPService) -> None:
    service.answer = lambda _request: (422, b"unknown type")

    with pytest.raises(DeliveryFailed) as failed:
        send(service.url)

    assert not isinstance(failed.value, ServerUnavailable)


def test_an_endpoint_can_say_that_it_is_gone(local: Flask, service: HTTPService) -> None:
    service.answer = lambda _request: (410, b"")

    with pytest.raises(EndpointGone):
        send(service.url)


def test_only_the_beginning_of_a_huge_response_is_kept(local: Flask, service: HTTPService) -> None:
    service.answer = lambda _request: (500, b"x" * 3_000_000)

    with pytest.raises(ServerUnavailable) as failed:
        send(service.url)

    assert len(str(failed.value)) <= 204


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve connections with a function; yield the URL."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                try:
                    answer(connection)
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


def freeze(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def trickle(connection: socket.socket) -> None:
    """Send a response that never ends, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


def continue_forever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.02)


@pytest.mark.parametrize("answer", [freeze, trickle, continue_forever])
def test_a_slow_endpoint_is_cut_off(
    hurried: Flask, answer: Callable[[socket.socket], None]
) -> None:
    with answering(answer) as url:
        began = time.monotonic()

        with pytest.raises(ServerUnavailable, match="it took too long"):
            send(url)

        assert 0.9 < time.monotonic() - began < PATIENCE_SECONDS


def test_only_connecting_leaves_time_for_other_addresses(
    local: Flask, service: HTTPService
) -> None:
    with _connect(["127.0.0.1"] * 4, service.port, time.monotonic() + 60) as connected:
        assert (connected.gettimeout() or 0) > 40


def test_a_slow_name_server_is_not_waited_for(
    hurried: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def hang(*_arguments: object, **_options: object) -> list[object]:
        answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(ServerUnavailable, match="looking up slow"):
            send("https://slow.example/")
    finally:
        answered.set()


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\x00\xff" * 40, b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200],
    ids=["nothing", "bytes", "no status", "too many headers"],
)
def test_garbage_is_a_failure(local: Flask, garbage: bytes) -> None:
    with (
        answering(lambda connection: connection.sendall(garbage)) as url,
        pytest.raises(ServerUnavailable),
    ):
        send(url)


def test_no_answer_at_all_is_a_failure(local: Flask, service: HTTPService) -> None:
    service.answer = lambda _request: None
    with pytest.raises(ServerUnavailable, match="RemoteDisconnected"):
        send(service.url)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ServerUnavailable, match="cannot connect"):
        send(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0"])
def test_nothing_is_sent_to_this_machine_unless_allowed(
    make_app: Callable[..., Flask], service: HTTPService, host: str
) -> None:
    with make_app(WEBHOOK_NETWORKS="127.0.0.2/32").app_context():
        for scheme in ("http", "https"):
            with pytest.raises(ServerUnavailable, match=r"WEBHOOK_NETWORKS|another host"):
                send(f"{scheme}://{host}:{service.port}/")

    assert service.connections == 0


def test_plain_http_stays_on_this_machine(make_app: Callable[..., Flask]) -> None:
    with (
        make_app(WEBHOOK_NETWORKS="10.0.0.0/8").app_context(),
        pytest.raises(ServerUnavailable, match="another host, which needs https"),
    ):
        send("http://10.0.0.1/")


def test_a_name_without_an_address_is_a_failure(local: Flask) -> None:
    with pytest.raises(ServerUnavailable, match="has no address"):
        send(f"https://{'a' * 80}.example/")


def test_an_endpoint_needs_a_certificate_for_its_name(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    authority, other = Authority(tmp_path, "localhost"), tmp_path / "other"
    other.mkdir()
    stranger = Authority(other, "example.org")
    with tls_service(authority.context) as service, tls_service(stranger.context) as wrong:
        with make_app(**LOCAL, WEBHOOK_CA_FILE=str(authority.file)).app_context():
            assert send(service.url) == 200
            with pytest.raises(ServerUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                send(wrong.url)
        with (
            make_app(**LOCAL, WEBHOOK_CA_FILE=str(stranger.file)).app_context(),
            pytest.raises(ServerUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            send(wrong.url)
        with make_app(**LOCAL).app_context(), pytest.raises(ServerUnavailable):
            send(service.url)
        assert wrong.requests == []
    assert json.loads(service.requests[0].body) == {"type": "webhook.test"}
    assert service.requests[0].headers["host"] == f"localhost:{service.port}"


@contextmanager
def tls_service(context: ssl.SSLContext) -> Iterator[HTTPService]:
    service = HTTPService(context)
    yield service
    service.close()


def test_an_authority_that_cannot_be_read_prevents_startup(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(ConfigError, match="WEBHOOK_CA_FILE"):
            make_app(WEBHOOK_CA_FILE=str(tmp_path / name))
