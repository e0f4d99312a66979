"""The content of messages is sealed in the database, and opens only where it belongs."""

import base64
import os
from collections.abc import Callable

import flask_migrate
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery.deliver import Outcome
from authapp.models import OutboxMessage, db
from authapp.services import keys
from tests.delivery.messages import add, deliver, opened, stored
from tests.support.mail import MailServer, mail_settings

LINK = f"https://example.org/password/reset/{'i' * 22}.{'s' * 43}"


def new_key() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def columns() -> list[object]:
    row = db.session.execute(db.text("SELECT * FROM outbox_messages")).one()
    return [bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]


def test_the_database_does_not_contain_the_content(mailing_app: Flask) -> None:
    with mailing_app.app_context():
        message = add(body=LINK, html=f"<p>{LINK}</p>")

        assert "reset" not in str(columns())
        assert base64.b64encode(LINK.encode()).decode()[:20] not in str(columns())
        assert opened(message).body == LINK


def test_swapped_and_redirected_content_is_not_sent(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    with mailing_app.app_context():
        owner, other = add(body=LINK), add()
        redirected, last = add(body=LINK), add(recipient="last@example.org")
        sealed = owner.content_sealed, other.content_sealed
        other.content_sealed, owner.content_sealed = sealed
        redirected.recipient = "thief@example.org"
        db.session.commit()

        assert deliver() == {Outcome.DEAD: 3, Outcome.SENT: 1}

        for message in (owner, other, redirected):
            assert "cannot open it: altered, truncated, or moved" in stored(message).last_error
        assert stored(last).sent_at
    assert mail_server.recipients == ["last@example.org"]


def test_a_message_waits_for_a_missing_key(
    make_app: Callable[..., Flask], mail_server: MailServer, move_time: Callable
) -> None:
    ours = mail_settings(mail_server.port)
    newer = make_app(KEY_ENCRYPTION_KEYS=new_key(), **ours)
    old_worker = make_app(**ours)
    with newer.app_context():
        message = add()

    with old_worker.app_context():
        assert deliver() == {Outcome.PUT_BACK: 1}
        assert "sealed under a key that is not configured" in stored(message).last_error

    with newer.app_context(), move_time(minutes=1):
        assert deliver() == {Outcome.SENT: 1}


def test_waiting_messages_are_sealed_again_with_a_new_key(
    make_app: Callable[..., Flask], environ: dict[str, str], mail_server: MailServer
) -> None:
    ours, key = mail_settings(mail_server.port), new_key()
    with make_app(**ours).app_context():
        message = add()

    both = make_app(KEY_ENCRYPTION_KEYS=f"{key},{environ['KEY_ENCRYPTION_KEYS']}")
    with both.app_context():
        keys.rewrap(force=True)
        sealed = stored(message).content_sealed
        keys.rewrap(force=True)
        assert stored(message).content_sealed == sealed

    with make_app(KEY_ENCRYPTION_KEYS=key, **ours).app_context():
        assert deliver() == {Outcome.SENT: 1}


def test_a_message_that_does_not_open_does_not_prevent_a_change_of_keys(
    make_app: Callable[..., Flask], environ: dict[str, str]
) -> None:
    with make_app(KEY_ENCRYPTION_KEYS=new_key()).app_context():
        message = add()

    with make_app(
        KEY_ENCRYPTION_KEYS=f"{new_key()},{environ['KEY_ENCRYPTION_KEYS']}"
    ).app_context():
        before = stored(message).content_sealed
        assert keys.rewrap(force=True) == 2
        assert stored(message).content_sealed == before


def test_the_outbox_page_explains_a_message_that_does_not_open(
    client: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    with make_app(KEY_ENCRYPTION_KEYS=new_key()).app_context():
        add()

    (shown,) = client.get("/dev/outbox.json").get_json()

    assert "cannot be opened" in shown["body"]


def test_a_quoted_link_or_code_is_not_stored_with_the_error(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    shortened = LINK[:-10]
    mail_server.on_data = lambda _recipient: f"554 5.7.1 spam: {shortened} and 123456, see RFC 5321"
    with mailing_app.app_context():
        message = add(body=f"{LINK}\n\n123 456\n")

        assert deliver() == {Outcome.DEAD: 1}

        error = stored(message).last_error
    assert error.endswith("/password/reset/[hidden] and [hidden], see RFC 5321")


def test_migrating_seals_waiting_messages_and_back_opens_them(mailing_app: Flask) -> None:
    with mailing_app.app_context():
        message = add(body=LINK)
        erased = add(recipient="sent@example.org")
        erased.sent_at, erased.content_sealed = erased.created_at, None
        db.session.commit()

        flask_migrate.downgrade(revision="0019")
        select = "SELECT recipient, subject, body, html FROM outbox_messages ORDER BY created_at"
        assert [tuple(row) for row in db.session.execute(db.text(select))] == [
            ("somebody@example.org", "Hello", LINK, "<p>Hello.</p>"),
            ("sent@example.org", "", "", None),
        ]
        db.session.rollback()

        flask_migrate.upgrade()
        assert opened(message).body == LINK
        assert stored(erased).content_sealed is None
        assert db.session.scalar(db.select(db.func.count(OutboxMessage.id))) == 2
