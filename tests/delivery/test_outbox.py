"""Outbox messages: committed with their transaction, then delivered, retried and wiped in order."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import pytest
from flask import Flask

from authapp import clock
from authapp.delivery import deliver as delivery
from authapp.delivery import outbox
from authapp.delivery.deliver import Outcome
from authapp.delivery.sealing import Content, OpenMessage
from authapp.models import OutboxMessage, User, db
from authapp.services import purge, register, verify_email
from tests.delivery.messages import add, deliver, opened, stored
from tests.support.accounts import HERE, PASSWORD
from tests.support.mail import MailServer, hang_up


def test_a_message_arrives_once_in_text_and_html(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    with mailing_app.app_context():
        register.register("new@example.org", PASSWORD, client=HERE)
        verify_email.answer_requests()

        assert deliver() == {Outcome.SENT: 1}
        assert deliver() == {}

    (mail,) = mail_server.messages
    text = mail.get_body(["plain"]).get_content()
    html = mail.get_body(["html"]).get_content()
    link = next(line for line in text.splitlines() if line.startswith("http"))
    assert mail["To"] == "new@example.org"
    assert f'href="{link}"' in html
    assert f">{link}<" in html


def test_a_mail_has_the_headers_of_an_automatic_message(
    make_app: Callable[..., Flask], mail_server: MailServer, mailing_app: Flask
) -> None:
    named = mailing_app.config  # the same server, with a name that needs quoting
    app = make_app(
        APP_NAME="Ålesund, Inc.",
        SUPPORT_ADDRESS="help@example.org",
        MAIL_SERVER=named["MAIL_SERVER"],
        MAIL_PORT=str(named["MAIL_PORT"]),
        MAIL_SECURITY="none",
        MAIL_DEFAULT_SENDER="no-reply@accounts.example.org",
    )
    with app.app_context():
        message = add()
        created_at, id = message.created_at, message.id
        deliver()

    (mail,) = mail_server.messages
    assert mail["From"] == '"Ålesund, Inc." <no-reply@accounts.example.org>'
    assert mail["Reply-To"] == "help@example.org"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{id}@accounts.example.org>"
    assert abs(parsedate_to_datetime(mail["Date"]) - created_at) < timedelta(seconds=1)
    assert mail["List-Unsubscribe"] is None


def test_an_uncommitted_message_is_not_sent(mailing_app: Flask, mail_server: MailServer) -> None:
    with mailing_app.app_context():
        add()
        db.session.delete(db.session.query(OutboxMessage).one())
        db.session.flush()
        db.session.rollback()
        outbox.add(OutboxMessage(channel="mail", recipient="never@example.org"), Content())
        db.session.rollback()

        assert deliver() == {Outcome.SENT: 1}
    assert mail_server.recipients == ["somebody@example.org"]


def test_the_content_of_a_sent_message_is_erased(mailing_app: Flask) -> None:
    with mailing_app.app_context():
        message = add(body="https://example.org/secret", html="<p>secret</p>")

        deliver()

        assert stored(message).content_sealed is None


def test_development_without_a_server_keeps_the_content_of_messages(app: Flask) -> None:
    with app.app_context():
        message = add(body="https://example.org/secret")

        assert deliver() == {Outcome.SENT: 1}

        assert opened(message).body == "https://example.org/secret"


def test_retry_delays_grow_with_jitter_until_the_last_try(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_recipient = lambda _recipient: "451 4.7.1 come back later"
    pauses = []
    with mailing_app.app_context():
        message = add()
        for _ in range(delivery.TRIES - 1):
            with move_time(seconds=(stored(message).due_at - clock.now()).total_seconds() + 0.01):
                assert deliver() == {Outcome.PUT_BACK: 1}
                pauses.append(stored(message).due_at - clock.now())
        with move_time(hours=12):
            assert deliver() == {Outcome.DEAD: 1}
            assert deliver() == {}

        dead = stored(message)
        assert dead.dead_at
        assert dead.attempts == delivery.TRIES
        assert "451 4.7.1 come back later" in dead.last_error
        assert opened(message).body == "Hello."
    assert timedelta(seconds=7) < pauses[0] < timedelta(seconds=13)
    assert pauses[5] > 10 * pauses[0]
    assert max(pauses) < timedelta(hours=1.2)


def test_an_expired_message_dies_and_is_wiped(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_recipient = lambda _recipient: "451 4.7.1 come back later"
    with mailing_app.app_context():
        message = add(lifetime=timedelta(minutes=10))
        deliver()
        mail_server.on_recipient = lambda _recipient: "250 known"

        with move_time(minutes=11):
            assert deliver() == {}

        assert stored(message).dead_at
        assert stored(message).last_error == outbox.TOO_OLD
        assert stored(message).content_sealed is None
    assert mail_server.messages == []


def test_a_dead_message_is_wiped_once_it_expires(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    mail_server.on_recipient = lambda _recipient: "550 5.1.1 nobody of that name"
    with mailing_app.app_context():
        message = add()
        assert deliver() == {Outcome.DEAD: 1}
        assert opened(message).body

        with move_time(days=8):
            deliver()

        assert stored(message).content_sealed is None
        assert "nobody of that name" in stored(message).last_error


@pytest.fixture
def people(mailing_app: Flask, user: User) -> tuple[User, User]:
    with mailing_app.app_context():
        other = User(email="other@example.org", email_key="other@example.org", password_hash="")
        db.session.add(other)
        db.session.commit()
        db.session.refresh(other)
        db.session.expunge(other)
    return user, other


def test_a_later_message_waits_for_an_earlier_one_to_the_same_person(
    mailing_app: Flask, mail_server: MailServer, people: tuple[User, User], move_time: Callable
) -> None:
    somebody, other = people
    mail_server.on_recipient = lambda to: "451 later" if to.startswith("first") else "250 known"
    with mailing_app.app_context():
        add(user_id=somebody.id, recipient="first@example.org")
        add(user_id=somebody.id, recipient="second@example.org")
        add(user_id=other.id, recipient="other@example.org")
        add(user_id=somebody.id, recipient="+447400123456", channel="sms")

        deliver()
        assert mail_server.recipients == ["other@example.org"]

        mail_server.on_recipient = lambda _recipient: "250 known"
        with move_time(minutes=1):
            deliver()
    assert mail_server.recipients == [
        "other@example.org",
        "first@example.org",
        "second@example.org",
    ]


def test_a_dead_message_does_not_block_later_ones(
    mailing_app: Flask, mail_server: MailServer, people: tuple[User, User]
) -> None:
    somebody, _other = people
    mail_server.on_recipient = lambda to: "550 no" if to.startswith("first") else "250 known"
    with mailing_app.app_context():
        add(user_id=somebody.id, recipient="first@example.org")
        add(user_id=somebody.id, recipient="second@example.org")

        assert deliver() == {Outcome.DEAD: 1, Outcome.SENT: 1}
    assert mail_server.recipients == ["second@example.org"]


def test_an_expired_claim_is_taken_over_and_the_slow_worker_changes_nothing(
    mailing_app: Flask, mail_server: MailServer, move_time: Callable
) -> None:
    with mailing_app.app_context():
        message = add()

        def too_slow(_message: OpenMessage) -> bool:
            with move_time(seconds=delivery.claim_time().total_seconds() + 1):
                assert deliver() == {Outcome.SENT: 1}
            raise delivery.ServerUnavailable("too late")

        assert Counter(delivery.deliver_due(too_slow)) == {Outcome.PUT_BACK: 1}

        assert stored(message).sent_at
        assert stored(message).last_error is None
    assert len(mail_server.messages) == 1


def test_concurrent_workers_send_each_message_once(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    with mailing_app.app_context():
        for number in range(40):
            add(recipient=f"{number}@example.org")

    def work() -> None:
        with mailing_app.app_context():
            deliver()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(mail_server.recipients) == sorted(f"{number}@example.org" for number in range(40))


def test_no_transaction_is_open_while_a_message_is_sent(mailing_app: Flask) -> None:
    with mailing_app.app_context():
        add()

        def look(message: OpenMessage) -> bool:
            assert message.body
            assert not db.session().in_transaction()
            return True

        assert Counter(delivery.deliver_due(look)) == {Outcome.SENT: 1}


def test_an_unavailable_server_costs_one_try_per_round(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    mail_server.on_data = hang_up
    with mailing_app.app_context():
        for number in range(3):
            add(recipient=f"{number}@example.org")
        text = add(channel="sms", recipient="+447400123456")

        assert deliver() == {Outcome.PUT_BACK: 1, Outcome.SENT: 1}

        assert stored(text).sent_at


def test_old_messages_are_purged_and_waiting_ones_are_not(
    mailing_app: Flask, move_time: Callable
) -> None:
    with mailing_app.app_context():
        add()
        deliver()
        waiting = add(lifetime=timedelta(days=60)).id

        with move_time(days=40):
            list(purge.purge())

        assert [message.id for message in outbox.list_recent()] == [waiting]


def test_an_internal_error_blocks_no_other_message_and_is_retried_to_the_limit(
    mailing_app: Flask, move_time: Callable
) -> None:
    with mailing_app.app_context():
        broken = add(channel="pigeon")
        add()

        assert deliver() == {Outcome.PUT_BACK: 1, Outcome.SENT: 1}

        for hour in range(1, delivery.TRIES + 1):
            with move_time(hours=2 * hour):
                deliver()
        assert stored(broken).dead_at
        assert "pigeon" in (stored(broken).last_error or "")
