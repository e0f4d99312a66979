"""Messages are rows of the transaction, and reach a real SMTP server after it."""

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
import time_machine
from aiosmtpd.controller import Controller
from flask import Flask

from authapp import clock
from authapp.delivery import outbox, sender
from authapp.models import OutboxMessage, db
from authapp.services import register
from tests.conftest import HERE, PASSWORD


class Inbox:
    """What an SMTP server was given, or how it refuses."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.answer = "250 taken"

    async def handle_DATA(self, server, session, envelope) -> str:
        if self.answer.startswith("250"):
            self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return self.answer


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def mailing_app(inbox: Inbox, make_app: Callable[..., Flask]) -> Iterator[Flask]:
    """An application that mails through a real SMTP server."""
    controller = Controller(inbox, hostname="127.0.0.1", port=_free_port())
    controller.start()
    yield make_app(
        MAIL_SERVER="127.0.0.1",
        MAIL_PORT=str(controller.port),
        MAIL_SECURITY="none",
        MAIL_DEFAULT_SENDER="no-reply@accounts.example.org",
    )
    controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_message_arrives_once_in_text_and_html(mailing_app: Flask, inbox: Inbox) -> None:
    with mailing_app.app_context():
        register.register("new@example.org", PASSWORD, origin=HERE)

        assert outbox.deliver_due(sender.send) == 1
        assert outbox.deliver_due(sender.send) == 0

    (mail,) = inbox.messages
    assert mail["To"] == "new@example.org"
    assert mail["From"] == "no-reply@accounts.example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@accounts.example.org>")
    assert mail["Date"]
    text = mail.get_body(["plain"]).get_content()
    html = mail.get_body(["html"]).get_content()
    link = next(line for line in text.splitlines() if line.startswith("http"))
    assert f'href="{link}"' in html
    assert f">{link}<" in html
    assert "<img" not in html


def test_what_is_not_committed_is_not_sent(mailing_app: Flask, inbox: Inbox) -> None:
    with mailing_app.app_context():
        outbox.add(message())
        db.session.flush()
        db.session.rollback()

        assert outbox.deliver_due(sender.send) == 0
    assert inbox.messages == []


def test_a_refused_message_is_tried_again_later_and_given_up_in_the_end(
    mailing_app: Flask, inbox: Inbox
) -> None:
    inbox.answer = "451 come back later"
    with mailing_app.app_context():
        outbox.add(message())
        db.session.commit()

        assert outbox.deliver_due(sender.send) == 0
        (waiting,) = outbox.list_recent()
        assert waiting.due_at > clock.now()
        assert "451" in (waiting.last_error or "")

        for hour in range(1, outbox.TRIES + 2):
            with time_machine.travel(clock.now() + timedelta(hours=2 * hour)):
                outbox.deliver_due(sender.send)
        db.session.expire_all()
        (dead,) = outbox.list_recent()
        assert dead.dead_at
        assert dead.attempts == outbox.TRIES


def test_a_message_that_was_refused_arrives_once_the_server_takes_it(
    mailing_app: Flask, inbox: Inbox
) -> None:
    inbox.answer = "451 come back later"
    with mailing_app.app_context():
        outbox.add(message())
        db.session.commit()
        outbox.deliver_due(sender.send)
        inbox.answer = "250 taken"

        with time_machine.travel(clock.now() + timedelta(minutes=1)):
            assert outbox.deliver_due(sender.send) == 1

    assert len(inbox.messages) == 1


def test_a_line_break_in_a_name_adds_no_header(mailing_app: Flask, inbox: Inbox) -> None:
    with mailing_app.app_context():
        outbox.add(message(subject="Hello\r\nBcc: somebody@else.example"))
        db.session.commit()
        outbox.deliver_due(sender.send)

    assert all("Bcc" not in mail for mail in inbox.messages)


def message(subject: str = "Hello") -> OutboxMessage:
    return OutboxMessage(
        channel="mail",
        recipient="somebody@example.org",
        message="test",
        subject=subject,
        body="Hello.",
        html="<p>Hello.</p>",
    )
