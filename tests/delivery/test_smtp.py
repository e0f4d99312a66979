"""Mail over a real SMTP server that verifies, refuses, hangs, hangs up and comes back."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import idna
import pytest
from flask import Flask

from authapp.delivery.deliver import Outcome
from authapp.errors import ConfigError
from tests.delivery.messages import add, deliver, stored
from tests.support.mail import (
    HOST,
    Authority,
    MailServer,
    hang,
    hang_up,
    hang_up_after_taking,
    mail_settings,
)
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def running(**options: object) -> Iterator[MailServer]:
    server = MailServer(**options).start()
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_is_sent_to_a_server_with_a_trusted_certificate(
    make_app: Callable[..., Flask], authority: Authority, security: str
) -> None:
    with running(**tls_options(security, authority)) as server:
        changes = {"MAIL_SECURITY": security, "MAIL_CA_FILE": str(authority.file)}
        with make_app(**mail_settings(server.port, **changes)).app_context():
            add()

            assert deliver() == {Outcome.SENT: 1}

    assert len(server.messages) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_with_an_untrusted_certificate_gets_no_mail(
    make_app: Callable[..., Flask], authority: Authority, security: str
) -> None:
    with running(**tls_options(security, authority)) as server:
        app = make_app(**mail_settings(server.port, MAIL_SECURITY=security))
        with app.app_context():
            message = add()

            assert deliver() == {Outcome.PUT_BACK: 1}

            assert "CERTIFICATE_VERIFY_FAILED" in (stored(message).last_error or "")
    assert server.messages == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_with_a_certificate_for_another_name_gets_no_mail(
    make_app: Callable[..., Flask], tmp_path: Path, security: str
) -> None:
    authority = Authority(tmp_path, "mail.example.org")
    with running(**tls_options(security, authority)) as server:
        changes = {"MAIL_SECURITY": security, "MAIL_CA_FILE": str(authority.file)}
        with make_app(**mail_settings(server.port, **changes)).app_context():
            add()

            assert deliver() == {Outcome.PUT_BACK: 1}
    assert server.messages == []


def test_a_server_without_starttls_gets_no_mail(make_app: Callable[..., Flask]) -> None:
    with running() as server:
        app = make_app(**mail_settings(server.port, MAIL_SECURITY="starttls"))
        with app.app_context():
            message = add()

            assert deliver() == {Outcome.PUT_BACK: 1}

            assert "STARTTLS" in (stored(message).last_error or "")
    assert server.messages == []


@pytest.mark.parametrize("content", [None, "nothing of the kind"])
def test_an_unreadable_ca_file_prevents_startup(
    make_app: Callable[..., Flask], tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ConfigError, match="MAIL_CA_FILE"):
        make_app(MAIL_CA_FILE=str(file))


def test_a_batch_shares_one_connection(mailing_app: Flask, mail_server: MailServer) -> None:
    with mailing_app.app_context():
        for number in range(5):
            add(recipient=f"{number}@example.org")

        deliver()

    assert len(mail_server.messages) == 5
    assert mail_server.connections == 1


def test_a_refused_recipient_does_not_affect_the_others(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    mail_server.on_recipient = lambda to: "550 5.1.1 nobody" if to.startswith("1") else "250 known"
    with mailing_app.app_context():
        messages = [add(recipient=f"{number}@example.org") for number in range(3)]

        assert deliver() == {Outcome.SENT: 2, Outcome.DEAD: 1}

        assert stored(messages[1]).last_error == "550 5.1.1 nobody"
    assert mail_server.connections == 1


@pytest.mark.parametrize("answer", ["450 4.2.0 greylisted", "452 full", "552 5.2.2 mailbox full"])
def test_a_temporary_refusal_is_retried(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable, answer: str
) -> None:
    mail_server.on_recipient = lambda _recipient: answer
    with mailing_app.app_context():
        add()
        assert deliver() == {Outcome.PUT_BACK: 1}
        mail_server.on_recipient = lambda _recipient: "250 known"

        with move_time(minutes=1):
            assert deliver() == {Outcome.SENT: 1}
    assert len(mail_server.messages) == 1


def test_a_message_with_refused_content_dies_at_once(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    mail_server.on_data = lambda _recipient: "554 5.7.1 this looks like something we do not take"
    with mailing_app.app_context():
        add()

        assert deliver() == {Outcome.DEAD: 1}


def test_a_server_that_hangs_times_out(
    make_app: Callable[..., Flask], mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_data = hang
    app = make_app(**mail_settings(mail_server.port, DELIVERY_TIMEOUT="1"))
    with app.app_context():
        message = add()
        assert deliver() == {Outcome.PUT_BACK: 1}
        assert "timed out" in (stored(message).last_error or "")
        mail_server.on_data = lambda _recipient: "250 taken"

        with move_time(minutes=1):
            assert deliver() == {Outcome.SENT: 1}


@pytest.mark.parametrize(
    "greeting", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"554 no\r\n"]
)
def test_a_server_that_does_not_speak_smtp_costs_one_try(
    make_app: Callable[..., Flask], greeting: bytes | None
) -> None:
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=greet, args=(listener, greeting))
        thread.start()
        port = listener.getsockname()[1]
        app = make_app(**mail_settings(port, DELIVERY_TIMEOUT="1"))
        with app.app_context():
            add(recipient="first@example.org")
            add(recipient="second@example.org")

            assert deliver() == {Outcome.PUT_BACK: 1}
        thread.join()


def greet(listener: socket.socket, greeting: bytes | None) -> None:
    """Send a greeting and hang up, or send nothing until the other side hangs up."""
    connection, _address = listener.accept()
    with connection:
        if greeting is None:
            connection.recv(1)
        else:
            connection.sendall(greeting)


@pytest.mark.parametrize("changes", [{"MAIL_SERVER": "x" * 70}, {"MAIL_USERNAME": "jos\u00e9"}])
def test_an_unusable_setting_does_not_kill_messages(
    make_app: Callable[..., Flask], mail_server: MailServer, changes: dict[str, str]
) -> None:
    with make_app(**{**mail_settings(mail_server.port), **changes}).app_context():
        add()

        assert deliver() == {Outcome.PUT_BACK: 1}


def test_a_message_is_resent_after_the_server_hangs_up_midway(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_data = hang_up
    with mailing_app.app_context():
        add()
        assert deliver() == {Outcome.PUT_BACK: 1}
        mail_server.on_data = lambda _recipient: "250 taken"

        with move_time(minutes=1):
            assert deliver() == {Outcome.SENT: 1}
    assert len(mail_server.messages) == 1


def test_a_duplicate_after_a_lost_reply_has_the_same_message_id(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_data = hang_up_after_taking
    with mailing_app.app_context():
        add()
        deliver()
        mail_server.on_data = lambda _recipient: "250 taken"

        with move_time(minutes=1):
            deliver()

    first, second = mail_server.messages
    assert first["Message-ID"] == second["Message-ID"]


def test_a_server_that_hangs_up_after_its_reply_gets_the_message_once(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    mail_server.is_rude = True
    with mailing_app.app_context():
        message = add()

        assert deliver() == {Outcome.SENT: 1}

        assert stored(message).sent_at


def test_a_restarted_server_gets_every_message(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    with mailing_app.app_context():
        for number in range(6):
            add(recipient=f"{number}@example.org")
        mail_server.stop()
        for _ in range(3):
            assert deliver() == {Outcome.PUT_BACK: 1}
        mail_server.start()

        with move_time(hours=1):
            deliver()

    assert sorted(mail_server.recipients) == [f"{number}@example.org" for number in range(6)]


def test_a_message_to_an_unencodable_address_dies_at_once(mailing_app: Flask) -> None:
    with mailing_app.app_context():
        message = add(recipient="jos\u00e9@example.org")

        assert deliver() == {Outcome.DEAD: 1}

        assert "cannot be sent as an email" in (stored(message).last_error or "")


@pytest.mark.parametrize("domain", ["straße.example", "βόλος.example", "例え.example"])
def test_mail_goes_to_the_domain_of_the_address_and_not_to_a_similar_one(
    make_app: Callable[..., Flask], mail_server: MailServer, domain: str
) -> None:
    ascii_form = idna.encode(domain).decode()
    sent_to: list[str] = []
    mail_server.on_recipient = lambda recipient: sent_to.append(recipient) or "250 known"
    sender = f"no-reply@{domain}"
    with make_app(**mail_settings(mail_server.port, MAIL_DEFAULT_SENDER=sender)).app_context():
        add(recipient=f"somebody@{domain}")

        assert deliver() == {Outcome.SENT: 1}

    assert sent_to == [f"somebody@{ascii_form}"]
    assert ascii_form in mail_server.messages[0]["From"]


def test_a_line_break_adds_no_header(mailing_app: Flask, mail_server: MailServer) -> None:
    with mailing_app.app_context():
        add(subject="Hello\r\nBcc: somebody@else.example")
        add(recipient="somebody@example.org\r\nBcc: somebody@else.example")

        deliver()

    assert all("Bcc" not in mail for mail in mail_server.messages)


def tls_options(security: str, authority: Authority) -> dict[str, object]:
    if security == "tls":
        return {"ssl_context": authority.context}
    return {"tls_context": authority.context, "require_starttls": True}
