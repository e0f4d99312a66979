"""Messages are in the language of their recipient, not in that of who caused them."""

from datetime import timedelta

import pytest
from flask import Flask, render_template_string

from authapp.delivery import mail, outbox, sms
from authapp.domain import security_notices
from authapp.models import User, db
from tests.support.accounts import HERE
from tests.support.on_sqlite import on_sqlite

AMERICAN = {"Accept-Language": "en-US"}

pytestmark = on_sqlite


@pytest.fixture
def british(app: Flask, user: User) -> User:
    with app.app_context():
        db.session.get(User, user.id).language = "en-GB"
        db.session.commit()
    return user


def test_email_is_in_the_language_of_the_account(app: Flask, british: User) -> None:
    with app.test_request_context(headers=AMERICAN):
        before = render_template_string("{{ get_locale() }}")
        security_notices.send(db.session.get(User, british.id), "new_device", client=HERE)
        db.session.commit()
        after = render_template_string("{{ get_locale() }}")
        (message,) = outbox.list_recent()

    assert 'lang="en-GB"' in message.html
    assert (before, after) == ("en_US", "en_US")


def test_email_is_translated_for_its_recipient(app: Flask, user: User) -> None:
    with app.test_request_context(headers={"Accept-Language": "ar"}):
        db.session.get(User, user.id).language = "de-AT"
        security_notices.send(db.session.get(User, user.id), "data_downloaded", client=HERE)
        db.session.commit()
        (message,) = outbox.list_recent()

    assert message.subject == "Ihre Daten bei authapp wurden heruntergeladen"
    assert message.body.startswith("Eine Kopie aller Daten Ihres Kontos somebody@example.org")
    assert "Firefox unter Linux" in message.body
    assert 'lang="de-AT"' in message.html


def test_email_to_no_account_is_in_the_default_language(app: Flask) -> None:
    with app.test_request_context(headers=AMERICAN):
        draft = mail.compose("address_wanted", user_id=None)

    assert 'lang="en"' in draft.content.html


def test_text_message_is_in_the_language_of_the_account(
    app: Flask, british: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    app.jinja_env.filters["period"] = lambda value: seen.append(locale(app)) or str(value)
    with app.test_request_context(headers=AMERICAN):
        sms.enqueue(
            "verify_phone",
            to="+447400123456",
            user_id=british.id,
            lifetime=timedelta(minutes=5),
            code="123456",
            host="x.example",
            minutes=5,
        )

    assert seen == ["en_GB"]


def locale(app: Flask) -> str:
    return str(app.jinja_env.globals["get_locale"]())
