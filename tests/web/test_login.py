"""Signing in: how many attempts are allowed, and which browsers are recognized."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import argon2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from werkzeug.test import TestResponse

from authapp.delivery import outbox
from authapp.domain import known_devices
from authapp.domain.client import Client
from authapp.models import Activity, ActivityEvent, User, db
from tests.support.accounts import PASSWORD, add_user
from tests.support.applications import answer_requests
from tests.support.browsing import is_signed_in, post, sign_in

MAILS_BY_CLIENT = 20
"""LIMIT_MAIL_BY_CLIENT."""

WRONG = "not the password of anybody"
KNOWN, UNKNOWN = "somebody@example.org", "nobody@example.org"

MOST = 10
"""Failures that LIMIT_SIGN_IN allows at once."""

Move = Callable[..., object]


def guess(client: FlaskClient, email: str = KNOWN, password: str = WRONG) -> TestResponse:
    return post(client, "/login", email=email, password=password)


def guess_out(app: Flask, email: str = KNOWN) -> None:
    """Use up the attempts that strangers are allowed."""
    stranger = app.test_client()
    for _ in range(MOST):
        assert guess(stranger, email).status_code == 422


def mails(app: Flask, message: str = "new_device") -> list[str]:
    with app.app_context():
        return [mail.body for mail in outbox.list_recent() if mail.message == message]


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN, "no address", " Somebody@Example.ORG "])
def test_guessing_is_paused_the_same_way_for_every_address(
    app: Flask, user: User, email: str
) -> None:
    guess_out(app, email)

    answer = guess(app.test_client(), email)

    html = answer.get_data(as_text=True)
    assert answer.status_code == 429
    assert 80 <= int(answer.headers["Retry-After"]) <= 91
    assert "Too many attempts. Try again in 2 minutes." in html
    assert f'value="{email.strip()}"' in html or f'value="{email}"' in html
    assert WRONG not in html


@pytest.mark.parametrize(
    "spelling", [" SOMEBODY@example.org", "somebody@\uff45xample.org", "somebody@example\u3002org"]
)
def test_spellings_of_an_address_share_their_limit(app: Flask, user: User, spelling: str) -> None:
    guess_out(app, KNOWN)

    assert guess(app.test_client(), spelling).status_code == 429


def test_the_right_password_is_paused_too_and_then_accepted(
    app: Flask, client: FlaskClient, user: User, move_time: Move
) -> None:
    guess_out(app)

    assert guess(client, password=PASSWORD).status_code == 429
    with move_time(seconds=91):
        assert guess(client, password=PASSWORD).status_code == 303


def test_a_correct_password_resets_the_limit(app: Flask, user: User, move_time: Move) -> None:
    guess_out(app)
    with move_time(seconds=91):
        sign_in(app.test_client())

        guess_out(app)


def test_a_stranger_cannot_lock_the_owner_out_of_a_known_browser(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/logout", page="/account")
    guess_out(app)

    sign_in(client)

    assert is_signed_in(client)
    assert guess(app.test_client()).status_code == 429, "the stranger's limit is as it was"


def test_guesses_from_a_known_browser_are_limited_too(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/logout", page="/account")
    for _ in range(MOST):
        guess(client)

    assert guess(client).status_code == 429
    assert guess(app.test_client()).status_code == 422


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("nonsense", "", False),
    ],
)
def test_clients_are_distinguished_by_network(one: str, other: str, same: bool) -> None:
    assert (Client(one, "").network == Client(other, "").network) is same


def test_registrations_are_limited_per_client(app: Flask, client: FlaskClient) -> None:
    for number in range(MAILS_BY_CLIENT):
        answer = post(client, "/register", email=f"{number}@example.org", password=PASSWORD)
        assert answer.status_code == 303

    answer = post(client, "/register", email="one-more@example.org", password=PASSWORD)

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert 'value="one-more@example.org"' in answer.get_data(as_text=True)
    answer_requests(app)
    assert len(mails(app, "verify_email")) == MAILS_BY_CLIENT


@contextmanager
def work(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Record each statement and each hash: they take the time."""
    done: list[str] = []
    verify = argon2.PasswordHasher.verify

    def note_hash(*arguments: object) -> object:
        done.append("argon2")
        return verify(*arguments)

    def note_statement(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        done.append(" ".join(statement.split()[:3]))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note_statement)
    with monkeypatch.context() as patched:
        patched.setattr(argon2.PasswordHasher, "verify", note_hash)
        yield done
    event.remove(engine, "before_cursor_execute", note_statement)


def test_a_refusal_takes_the_same_work_for_every_address(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        add_user("closed@example.org")
        db.session.query(User).filter_by(
            email="closed@example.org"
        ).one().disabled_at = user.created_at
        db.session.commit()
    works = []
    for email, password in [
        (KNOWN, WRONG),
        (UNKNOWN, WRONG),
        ("closed@example.org", PASSWORD),
    ]:
        with work(app, monkeypatch) as done:
            assert guess(app.test_client(), email, password).status_code == 422
        works.append(done)

    assert works[0] == works[1] == works[2]
    assert works[0].count("argon2") == 1


def test_a_pause_takes_the_same_work_for_every_address(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = []
    for email in (KNOWN, UNKNOWN):
        guess_out(app, email)
        with work(app, monkeypatch) as done:
            assert guess(app.test_client(), email).status_code == 429
        works.append(done)

    assert works[0] == works[1]
    assert "argon2" not in works[0]


def test_the_first_sign_in_of_a_new_account_sends_no_email(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert mails(app) == []


def test_an_unknown_browser_triggers_one_email(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    other = app.test_client()
    other.environ_base["HTTP_USER_AGENT"] = client.environ_base.get("HTTP_USER_AGENT", "")

    sign_in(other)
    post(other, "/logout", page="/account")
    sign_in(other)
    post(client, "/logout", page="/account")
    sign_in(client)

    (mail,) = mails(app)
    assert "127.0.0.1" in mail
    assert "/not-me/" in mail


def test_a_browser_known_for_one_account_is_new_for_another(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("another@example.org")
    sign_in(app.test_client(), "another@example.org")
    sign_in(client)
    post(client, "/logout", page="/account")

    sign_in(client, "another@example.org")
    post(client, "/logout", page="/account")
    sign_in(client)

    (mail,) = mails(app)
    assert "another@example.org" in mail


def test_a_long_unused_account_is_not_treated_as_new(
    app: Flask, client: FlaskClient, user: User, move_time: Move
) -> None:
    sign_in(client)
    with app.app_context():
        db.session.execute(db.delete(ActivityEvent).filter_by(activity=Activity.SIGNED_IN))
        db.session.commit()

    with move_time(days=401):
        sign_in(app.test_client())

    assert len(mails(app)) == 1


@pytest.mark.parametrize("value", ["", "x", "é", "A" * 22, "A" * 43, "A" * 4000, "====", "\x00"])
def test_a_forged_device_cookie_is_not_recognized(
    app: Flask, client: FlaskClient, user: User, value: str
) -> None:
    sign_in(client)
    with app.app_context():
        assert not known_devices.knows(value, user.id)
        assert known_devices.knows(known_devices.learn(value, user.id), user.id)


def test_the_device_cookie_is_persistent_and_hidden_from_scripts(
    client: FlaskClient, user: User
) -> None:
    html = client.get("/login").get_data(as_text=True)
    token = html.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]

    answer = client.post("/login", data={"email": KNOWN, "password": PASSWORD, "csrf_token": token})

    (line,) = [each for each in answer.headers.getlist("Set-Cookie") if each.startswith("device=")]
    assert "HttpOnly" in line
    assert "SameSite=Lax" in line
    assert "Expires" in line
    assert user.id.hex not in line


def test_a_browser_is_known_for_the_most_recent_accounts(app: Flask, user: User) -> None:
    with app.app_context():
        ids = [add_user(f"{number}@example.org").id for number in range(known_devices.MOST + 1)]
        value = ""
        for id in ids:
            value = known_devices.learn(value, id)

        known = [known_devices.knows(value, id) for id in ids]

    assert known == [False] + [True] * known_devices.MOST


def test_a_device_cookie_from_a_former_secret_key_is_recognized(
    make_app: Callable[..., Flask], environ: dict[str, str], user: User
) -> None:
    with make_app().app_context():
        value = known_devices.learn("", user.id)
    former = environ["SECRET_KEY"]

    with make_app(SECRET_KEY=former[::-1], SECRET_KEY_FALLBACKS=former).app_context():
        assert known_devices.knows(value, user.id)
    with make_app(SECRET_KEY=former[::-1]).app_context():
        assert not known_devices.knows(value, user.id)


@pytest.mark.parametrize("path", ["/login", "/api/v1/login"])
def test_an_oversized_user_agent_can_sign_in(
    app: Flask, client: FlaskClient, user: User, path: str
) -> None:
    client.environ_base["HTTP_USER_AGENT"] = "x" * 5000

    if path == "/login":
        assert guess(client).status_code == 422
        sign_in(client)
    else:
        credentials = {"email": KNOWN, "password": PASSWORD}
        assert client.post(path, json={**credentials, "password": WRONG}).status_code == 401
        assert client.post(path, json=credentials).status_code == 200
