"""Text messages over real HTTP: the request to each service, and the outcome of each response."""

import base64
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from urllib.parse import parse_qs

import pytest
from flask import Flask

from authapp import clock
from authapp.delivery import sms
from authapp.delivery.deliver import Outcome
from authapp.errors import ConfigError
from authapp.models import OutboxMessage
from tests.delivery.messages import add, deliver, stored
from tests.support.applications import PRODUCTION
from tests.support.http_service import HTTPService
from tests.support.on_sqlite import on_sqlite
from tests.support.waiting import PATIENCE_SECONDS

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
NUMBER = "+447400123456"
MADE = (201, b'{"sid": "SM0123456789", "status": "queued"}')

pytestmark = on_sqlite


@pytest.fixture
def service() -> Iterator[HTTPService]:
    service = HTTPService()
    yield service
    service.close()


@pytest.fixture
def webhook_app(make_app: Callable[..., Flask], service: HTTPService) -> Flask:
    return make_app(
        SMS_SENDER="webhook",
        SMS_WEBHOOK_URL=f"{service.url}/send",
        SMS_WEBHOOK_SECRET=SECRET,
        DELIVERY_TIMEOUT="2",
    )


@pytest.fixture
def twilio_app(make_app: Callable[..., Flask], service: HTTPService) -> Flask:
    return make_app(**twilio(service, SMS_TWILIO_FROM="+15005550006"))


def twilio(service: HTTPService, **changes: str) -> dict[str, str]:
    return {
        "SMS_SENDER": "twilio",
        "SMS_TWILIO_URL": service.url,
        "SMS_TWILIO_ACCOUNT": "AC0123",
        "SMS_TWILIO_TOKEN": "a-token",
        **changes,
    }


def add_text(**fields: object) -> OutboxMessage:
    return add(channel="sms", recipient=NUMBER, body="123 456 is your authapp code.", **fields)


def test_the_webhook_request_is_signed_over_id_time_and_body(
    webhook_app: Flask, service: HTTPService
) -> None:
    with webhook_app.app_context():
        message = add_text()

        assert deliver() == {Outcome.SENT: 1}

        assert stored(message).content_sealed is None
        id = str(message.id)
    (request,) = service.requests
    timestamp = request.headers["webhook-timestamp"]
    signed = f"{id}.{timestamp}.".encode() + request.body
    signature = base64.b64encode(hmac.digest(KEY, signed, sha256)).decode()
    assert request.path == "/send"
    assert request.headers["webhook-id"] == id
    assert request.headers["webhook-signature"] == f"v1,{signature}"
    assert abs(int(timestamp) - clock.now().timestamp()) < 5
    assert json.loads(request.body) == {
        "type": "sms.send",
        "id": id,
        "to": NUMBER,
        "text": "123 456 is your authapp code.",
    }


def test_a_twilio_request_follows_its_api(twilio_app: Flask, service: HTTPService) -> None:
    service.answer = lambda _request: MADE
    with twilio_app.app_context():
        add_text()

        assert deliver() == {Outcome.SENT: 1}

    (request,) = service.requests
    assert request.path == "/2010-04-01/Accounts/AC0123/Messages.json"
    scheme, credentials = request.headers["authorization"].split()
    assert (scheme, base64.b64decode(credentials)) == ("Basic", b"AC0123:a-token")
    assert parse_qs(request.body.decode()) == {
        "To": [NUMBER],
        "From": ["+15005550006"],
        "Body": ["123 456 is your authapp code."],
    }


def test_a_twilio_messaging_service_is_named_as_one(
    make_app: Callable[..., Flask], service: HTTPService
) -> None:
    service.answer = lambda _request: MADE
    with make_app(**twilio(service, SMS_TWILIO_FROM="MG0123")).app_context():
        add_text()
        deliver()

    assert parse_qs(service.requests[0].body.decode())["MessagingServiceSid"] == ["MG0123"]


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, b'{"code": 21211, "message": "not a valid phone number"}', Outcome.DEAD),
        (400, b'{"code": 21610, "message": "unsubscribed"}', Outcome.DEAD),
        (400, b'{"code": 21602, "message": "body missing"}', Outcome.PUT_BACK),
        (401, b'{"code": 20003, "message": "authenticate"}', Outcome.PUT_BACK),
        (429, b'{"code": 20429}', Outcome.PUT_BACK),
        (500, b'{"code": 21211}', Outcome.PUT_BACK),
        (201, b"{}", Outcome.PUT_BACK),
        (201, b"<html>Welcome to our wireless network</html>", Outcome.PUT_BACK),
        (201, b'{"sid": 5}', Outcome.PUT_BACK),
        (201, b"[" * 60_000, Outcome.PUT_BACK),
        (201, b"\xff" * 200_000, Outcome.PUT_BACK),
        (302, MADE[1], Outcome.PUT_BACK),
    ],
)
def test_each_twilio_response_has_its_outcome(
    twilio_app: Flask, service: HTTPService, status: int, body: bytes, outcome: Outcome
) -> None:
    service.answer = lambda _request: (status, body)
    with twilio_app.app_context():
        message = add_text()

        assert deliver() == {outcome: 1}

        assert str(status) in (stored(message).last_error or "")
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (204, b"", Outcome.SENT),
        (202, b"whatever", Outcome.SENT),
        (422, b'{"error": "bad_number"}', Outcome.DEAD),
        (422, b"{}", Outcome.PUT_BACK),
        (404, b"", Outcome.PUT_BACK),
        (503, b"", Outcome.PUT_BACK),
        (307, b"", Outcome.PUT_BACK),
    ],
)
def test_each_webhook_response_has_its_outcome(
    webhook_app: Flask, service: HTTPService, status: int, body: bytes, outcome: Outcome
) -> None:
    service.answer = lambda _request: (status, body)
    with webhook_app.app_context():
        add_text()

        assert deliver() == {outcome: 1}


def test_a_service_that_hangs_up_gets_the_same_message_again(
    webhook_app: Flask, service: HTTPService, move_time: Callable
) -> None:
    service.answer = lambda _request: None
    with webhook_app.app_context():
        add_text()
        assert deliver() == {Outcome.PUT_BACK: 1}
        service.answer = lambda _request: (200, b"")

        with move_time(minutes=1):
            assert deliver() == {Outcome.SENT: 1}

    first, second = service.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_a_service_that_hangs_times_out(webhook_app: Flask, service: HTTPService) -> None:
    goes_on = threading.Event()
    service.answer = lambda _request: goes_on.wait(PATIENCE_SECONDS) and (200, b"")
    with webhook_app.app_context():
        message = add_text()

        assert deliver() == {Outcome.PUT_BACK: 1}

        assert "Timeout" in (stored(message).last_error or "")
    goes_on.set()


def test_messages_share_one_connection(webhook_app: Flask, service: HTTPService) -> None:
    with webhook_app.app_context():
        for _ in range(4):
            add_text()

        assert deliver() == {Outcome.SENT: 4}
    assert service.connections == 1


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"SMS_SENDER": "twilio"}, "SMS_TWILIO_ACCOUNT"),
        ({"SMS_SENDER": "webhook", "SMS_WEBHOOK_URL": "https://x.example"}, "SMS_WEBHOOK_SECRET"),
        ({"SMS_WEBHOOK_SECRET": "whsec_short"}, "SMS_WEBHOOK_SECRET"),
    ],
)
def test_a_missing_service_setting_prevents_startup(
    make_app: Callable[..., Flask], given: dict[str, str], missing: str
) -> None:
    with pytest.raises(ConfigError, match=missing):
        make_app(**given)


def test_only_development_pretends_to_send_without_a_service(
    make_app: Callable[..., Flask],
) -> None:
    for changes, can_send in (({}, True), (PRODUCTION, False)):
        with make_app(**changes).app_context():
            assert sms.can_send() is can_send
