"""The worker under faults, and the commands with which operators inspect and retry messages."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask

from authapp import ROOT
from authapp.cli.worker import Worker
from authapp.delivery.deliver import Outcome
from authapp.models import OutboxMessage, db
from tests.delivery.messages import add, deliver, stored
from tests.support.mail import Hang, MailServer, mail_settings
from tests.support.waiting import PATIENCE_SECONDS, wait_until


@pytest.fixture
def start_worker(environ: dict[str, str], mail_server: MailServer) -> Iterator[Callable]:
    """Start `flask outbox run` in its own process."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> "subprocess.Popen[bytes]":
        # A server that hangs does so until the test is over.
        settings = {**environ, **mail_settings(mail_server.port, DELIVERY_TIMEOUT="60")}
        command = [sys.executable, "-m", "flask", "--app", "wsgi", "outbox", "run"]
        started.append(subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_no_message_is_lost_when_a_worker_is_killed_while_sending(
    start_worker: Callable,
    mailing_app: Flask,
    mail_server: MailServer,
    move_time: Callable,
) -> None:
    def hang_once(recipient: str) -> str:
        if recipient == "4@example.org" and not mail_server.hangs.is_set():
            raise Hang
        return "250 taken"

    mail_server.on_data = hang_once
    with mailing_app.app_context():
        for number in range(12):
            add(recipient=f"{number}@example.org")

    victim = start_worker()
    wait_until(mail_server.hangs.is_set)
    other = start_worker()
    wait_until(lambda: len(mail_server.messages) == 11)
    victim.send_signal(signal.SIGKILL)
    other.send_signal(signal.SIGTERM)
    assert other.wait(PATIENCE_SECONDS) == 0

    with mailing_app.app_context():
        assert deliver() == {}
        with move_time(minutes=20):
            assert deliver() == {Outcome.SENT: 1}
    assert sorted(mail_server.recipients) == sorted(f"{number}@example.org" for number in range(12))


def test_a_worker_finishes_the_current_message_before_it_stops(
    start_worker: Callable,
    mailing_app: Flask,
    mail_server: MailServer,
) -> None:
    is_asked = threading.Event()
    mail_server.on_data = lambda _recipient: is_asked.wait(PATIENCE_SECONDS) and "250 taken"
    with mailing_app.app_context():
        for number in range(3):
            add(recipient=f"{number}@example.org")
    worker = start_worker()
    wait_until(lambda: mail_server.connections > 0)

    worker.send_signal(signal.SIGTERM)
    is_asked.set()

    assert worker.wait(PATIENCE_SECONDS) == 0
    with mailing_app.app_context():
        messages = list(db.session.scalars(db.select(OutboxMessage)))
        assert sum(message.sent_at is not None for message in messages) == len(mail_server.messages)
        assert all(message.claimed_until is None for message in messages)
    assert len(mail_server.messages) < 3


@contextmanager
def working(app: Flask) -> Iterator[Worker]:
    worker = Worker(app)
    worker.start()
    yield worker
    worker.stop()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_survives_a_database_outage_and_logs_it_once(
    mailing_app: Flask,
    mail_server: MailServer,
    database_url: str,
    lose_database: Callable,
    caplog: pytest.LogCaptureFixture,
    move_time: Callable,
) -> None:
    file = Path(database_url.removeprefix("sqlite:///"))
    with mailing_app.app_context():
        add()
        db.session.remove()
        lose_database()
        # None of the application's own connections may outlive the database.
        db.engine.dispose()
    with working(mailing_app):
        wait_until(lambda: "database_unavailable" in caplog.text)
        assert mail_server.messages == []

        file.rmdir()
        file.with_suffix(".away").rename(file)

        with move_time(seconds=10):
            wait_until(lambda: "database_available" in caplog.text)
        wait_until(lambda: len(mail_server.messages) == 1)
    assert caplog.text.count("database_unavailable") == 1


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_survives_the_loss_of_its_database(
    mailing_app: Flask, lose_database: Callable, caplog: pytest.LogCaptureFixture
) -> None:
    with working(mailing_app) as worker:
        lose_database()

        wait_until(lambda: "database_unavailable" in caplog.text)

        assert worker.is_alive()


def test_a_worker_survives_a_redis_outage(
    mailing_app: Flask,
    mail_server: MailServer,
    redis_server,
    caplog: pytest.LogCaptureFixture,
) -> None:
    redis_server.kill()
    with mailing_app.app_context():
        add()

    with working(mailing_app):
        wait_until(lambda: len(mail_server.messages) == 1)

    assert not [record for record in caplog.records if record.exc_info]


def run(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["outbox", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def refused(app: Flask, *arguments: str) -> str:
    result = app.test_cli_runner().invoke(args=["outbox", *arguments])
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    return result.output


@pytest.fixture
def dead(mailing_app: Flask, mail_server: MailServer) -> OutboxMessage:
    mail_server.on_recipient = lambda _recipient: "550 5.1.1 nobody\x1b[31m of that name"
    with mailing_app.app_context():
        message = add(recipient="dead@example.org", body="https://example.org/secret")
        assert deliver() == {Outcome.DEAD: 1}
        stored(message)
    mail_server.on_recipient = lambda _recipient: "250 known"
    return message


def test_waiting_and_dead_messages_are_listed_without_their_content(
    mailing_app: Flask,
    dead: OutboxMessage,
) -> None:
    with mailing_app.app_context():
        add(recipient="sent@example.org")
        deliver()
        add(recipient="waiting@example.org")

    both = run(mailing_app, "list")

    assert [line.split()[5] for line in both.splitlines()] == [
        "waiting@example.org",
        "dead@example.org",
    ]
    assert "nobody" in both
    assert "\x1b" not in both
    assert "secret" not in both
    assert "sent@example.org" in run(mailing_app, "list", "--state", "sent")
    assert "waiting@" not in run(mailing_app, "list", "--state", "dead")
    assert len(run(mailing_app, "list", "--limit", "1").splitlines()) == 1


def test_a_dead_message_can_be_retried(
    mailing_app: Flask,
    dead: OutboxMessage,
    mail_server: MailServer,
) -> None:
    id = str(dead.id)

    assert id in run(mailing_app, "retry", id)
    assert run(mailing_app, "run", "--once") == "messages tried: 1, sent: 1\n"

    assert mail_server.recipients == ["dead@example.org"]
    assert "already sent" in refused(mailing_app, "retry", id)


def test_all_dead_messages_are_retried_except_expired_ones(
    mailing_app: Flask,
    dead: OutboxMessage,
    mail_server: MailServer,
    move_time: Callable,
) -> None:
    mail_server.on_recipient = lambda _recipient: "550 no"
    with mailing_app.app_context():
        old = add(recipient="old@example.org", lifetime=timedelta(minutes=5))
        deliver()
        mail_server.on_recipient = lambda _recipient: "250 known"

        with move_time(minutes=6):
            assert run(mailing_app, "retry", "--all-dead") == "messages to retry: 1\n"
            assert "no longer useful" in refused(mailing_app, "retry", str(old.id))
            run(mailing_app, "run", "--once")

    assert mail_server.recipients == ["dead@example.org"]


@pytest.mark.parametrize(
    "arguments", [(), (str(uuid4()), "--all-dead"), (str(uuid4()),), ("nonsense",), ("\x00",)]
)
def test_an_invalid_retry_is_refused_with_an_explanation(
    mailing_app: Flask,
    arguments: tuple[str, ...],
) -> None:
    assert refused(mailing_app, "retry", *arguments)
