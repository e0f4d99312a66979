"""Verifying, changing and removing a phone number, and the attempts that must fail."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from authapp.delivery import outbox
from authapp.models import OutboxMessage, User, VerificationToken, db
from tests.support.accounts import add_user
from tests.support.applications import PRODUCTION
from tests.support.browsing import hidden, post, sign_in
from tests.support.on_sqlite import on_sqlite

NUMBER = "+447400123456"
OTHER_NUMBER = "+447400123457"


@pytest.fixture
def signed_in(client: FlaskClient, user: User) -> FlaskClient:
    sign_in(client)
    return client


def ask(client: FlaskClient, phone: str = NUMBER, **fields: str) -> TestResponse:
    return post(client, "/verify/phone", region="GB", phone=phone, **fields)


def enter(client: FlaskClient, code: str) -> TestResponse:
    return post(client, "/verify/phone/code", code=code)


def again(client: FlaskClient) -> TestResponse:
    return post(client, "/verify/phone/code/again", page="/verify/phone/code")


def texts(app: Flask, to: str = NUMBER) -> list[OutboxMessage]:
    """Return the text messages to a number, oldest first."""
    with app.app_context():
        found = [message for message in outbox.list_recent() if message.recipient == to]
    return found[::-1]


def newest_code(app: Flask, to: str = NUMBER) -> str:
    found = re.match(r"(\d{6}) is your authapp code", texts(app, to)[-1].body)
    assert found
    return found[1]


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def phone_of(app: Flask, email: str = "somebody@example.org") -> str | None:
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == email)).one()
        assert (user.phone is None) == (user.phone_verified_at is None)
        return user.phone


def verify(app: Flask, client: FlaskClient, phone: str = NUMBER) -> None:
    assert ask(client, phone).headers["Location"] == "/verify/phone/code"
    assert enter(client, newest_code(app, phone)).headers["Location"] == "/account"


def second_person(app: Flask) -> FlaskClient:
    with app.app_context():
        add_user("other@example.org")
    other = app.test_client()
    sign_in(other, "other@example.org")
    return other


@pytest.mark.parametrize("spelling", ["{}", " {} ", "{0[0]}{0[1]}{0[2]} {0[3]}{0[4]}{0[5]}"])
def test_a_code_in_any_spelling_verifies_the_number(
    app: Flask, signed_in: FlaskClient, spelling: str
) -> None:
    ask(signed_in)
    (text,) = texts(app)
    code = newest_code(app)

    answer = enter(signed_in, spelling.format(code))

    assert answer.status_code == 303
    assert phone_of(app) == NUMBER
    assert text.body.endswith(f"@127.0.0.1 #{code}")
    assert "+44\u00a07400\u00a0123456" in signed_in.get("/account").get_data(as_text=True)


def test_a_code_works_once(app: Flask, signed_in: FlaskClient) -> None:
    ask(signed_in)
    fields = hidden(signed_in.get("/verify/phone/code").get_data(as_text=True))
    code = newest_code(app)
    for location in ("/account", "/verify/phone"):
        answer = signed_in.post("/verify/phone/code", data={**fields, "code": code})

        assert answer.headers["Location"] == location


def test_five_wrong_codes_lock_and_a_new_code_allows_no_more_guesses(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    ask(signed_in)
    code = newest_code(app)
    for _ in range(5):
        assert enter(signed_in, wrong(code)).status_code == 422

    assert enter(signed_in, code).status_code == 429
    with move_time(minutes=11):
        ask(signed_in)
        answer = enter(signed_in, newest_code(app))
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert "Too many incorrect codes" in answer.get_data(as_text=True)
    assert phone_of(app) is None
    with move_time(hours=6):
        ask(signed_in)
        assert enter(signed_in, newest_code(app)).status_code == 303


@on_sqlite
@pytest.mark.parametrize("typed", ["", "12345", "abcdef", "\x01" * 6, "1" * 5000])
def test_text_that_is_not_a_code_does_not_count_as_a_guess(
    app: Flask, signed_in: FlaskClient, typed: str
) -> None:
    ask(signed_in)
    for _ in range(6):
        assert enter(signed_in, typed).status_code == 422

    assert enter(signed_in, newest_code(app)).status_code == 303


def test_a_code_for_another_account_is_refused(app: Flask, signed_in: FlaskClient) -> None:
    ask(signed_in)
    code = newest_code(app)
    other = second_person(app)
    ask(other)

    assert newest_code(app) != code
    assert enter(other, code).status_code == 422


def test_a_resent_code_is_the_same_and_waits_half_a_minute(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    ask(signed_in)
    again(signed_in)
    assert "Try again in" in signed_in.get("/verify/phone/code").get_data(as_text=True)
    assert len(texts(app)) == 1

    with move_time(seconds=31):
        again(signed_in)

        first, second = texts(app)
        assert first.body[:6] == second.body[:6]
        assert "It expires in 9 minutes." in second.body
        with app.app_context():
            ends = db.session.scalars(
                db.select(OutboxMessage.expires_at).where(OutboxMessage.channel == "sms")
            ).all()
        assert abs(ends[0] - ends[1]) < timedelta(seconds=1)
        assert enter(signed_in, newest_code(app)).status_code == 303


def test_submitting_the_form_twice_sends_one_text(app: Flask, signed_in: FlaskClient) -> None:
    for _ in range(2):
        assert ask(signed_in).headers["Location"] == "/verify/phone/code"

    assert len(texts(app)) == 1


def test_a_code_expires_after_ten_minutes(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    ask(signed_in)
    page = signed_in.get("/verify/phone/code").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]
    with move_time(minutes=10, seconds=1):
        data = {"code": newest_code(app), "csrf_token": token}
        answer = signed_in.post("/verify/phone/code", data=data)

    assert answer.headers["Location"] == "/verify/phone"
    assert phone_of(app) is None


def test_requesting_another_number_voids_the_first_code(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    ask(signed_in)
    with move_time(seconds=31):
        ask(signed_in, OTHER_NUMBER)

        assert enter(signed_in, newest_code(app)).status_code == 422
        assert enter(signed_in, newest_code(app, OTHER_NUMBER)).status_code == 303
    assert phone_of(app) == OTHER_NUMBER


def test_a_taken_number_is_revealed_only_after_the_code_is_entered(
    app: Flask, signed_in: FlaskClient
) -> None:
    verify(app, signed_in)
    other = second_person(app)

    answers = [ask(other, OTHER_NUMBER), None]
    assert answers[0].status_code == 303
    free_page = other.get("/verify/phone/code").get_data(as_text=True)
    free_text = texts(app, OTHER_NUMBER)[-1].body
    third = app.test_client()
    with app.app_context():
        add_user("third@example.org")
    sign_in(third, "third@example.org")
    taken = ask(third)
    taken_page = third.get("/verify/phone/code").get_data(as_text=True)
    taken_text = texts(app)[-1].body

    assert (taken.status_code, taken.headers["Location"]) == (303, "/verify/phone/code")
    assert blank(taken_page) == blank(free_page)
    assert blank(taken_text) == blank(free_text)
    refused = enter(third, wrong(newest_code(app)))
    assert "Incorrect code" in refused.get_data(as_text=True)
    told = enter(third, newest_code(app))
    assert told.status_code == 409
    assert "belongs to another account" in told.get_data(as_text=True)
    assert "somebody@" not in told.get_data(as_text=True)
    assert phone_of(app) == NUMBER
    assert phone_of(app, "third@example.org") is None


def blank(text: str) -> str:
    """Return a text without the parts that differ by number, code and form."""
    text = re.sub(r'name="(csrf_token|flow)"(\s+type="hidden")?\s+value="[^"]+"', "", text)
    return re.sub(r"\+44\s7400\s12345\d|\d{6}", "", text)


def test_a_number_goes_to_the_first_of_two_accounts_that_verify_it(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    other = second_person(app)
    ask(signed_in)
    first = newest_code(app)
    ask(other)

    assert enter(other, newest_code(app)).status_code == 303

    assert enter(signed_in, first).status_code == 409
    assert phone_of(app) is None


def test_changing_and_removing_require_a_recent_password(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    verify(app, signed_in)
    with move_time(minutes=16):
        for path in ("/account/phone", "/account/phone/remove"):
            answer = signed_in.post(path, data={"csrf_token": csrf(signed_in)})
            assert answer.headers["Location"].startswith("/account/confirm")
    assert phone_of(app) == NUMBER


def csrf(client: FlaskClient) -> str:
    page = client.get("/account").get_data(as_text=True)
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)[1]


def test_the_page_without_a_password_check_cannot_replace_a_number(
    app: Flask, signed_in: FlaskClient
) -> None:
    verify(app, signed_in)

    answer = signed_in.post(
        "/verify/phone", data={"phone": OTHER_NUMBER, "csrf_token": csrf(signed_in)}
    )

    assert answer.status_code == 409
    assert texts(app, OTHER_NUMBER) == []


def test_the_former_number_is_kept_until_the_code_is_entered_then_notified(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    verify(app, signed_in)
    with move_time(seconds=31):
        post(signed_in, "/account/phone", region="GB", phone=OTHER_NUMBER)
        assert phone_of(app) == NUMBER

        enter(signed_in, newest_code(app, OTHER_NUMBER))

    assert phone_of(app) == OTHER_NUMBER
    assert "The phone number of your authapp account was changed" in texts(app)[-1].body
    assert OTHER_NUMBER not in texts(app)[-1].body
    mail = texts(app, "somebody@example.org")[-1]
    assert mail.message == "phone_changed"
    assert "+44 7400 123457" in mail.body


def test_a_removal_notifies_the_number_and_the_mailbox(app: Flask, signed_in: FlaskClient) -> None:
    verify(app, signed_in)

    post(signed_in, "/account/phone/remove")

    assert phone_of(app) is None
    assert texts(app)[-1].message == "phone_removed"
    assert texts(app, "somebody@example.org")[-1].message == "phone_removed"
    second = second_person(app)
    verify(app, second)


@on_sqlite
@pytest.mark.parametrize(
    ("phone", "words"),
    [
        ("", "Enter your mobile number."),
        ("nonsense", "such as +44 7400 123456"),
        ("+44 909 879 0000", "premium-rate"),
        ("+44 20 7946 0018", "receive text messages"),
        ("+44 7400 1", "exist. Check the digits"),
        ("\x01\u202e", "such as +44 7400 123456"),
    ],
)
def test_a_number_that_cannot_be_verified_is_refused_with_a_reason(
    signed_in: FlaskClient, phone: str, words: str
) -> None:
    page = signed_in.get("/verify/phone")
    assert page.status_code == 200
    answer = signed_in.post(
        "/verify/phone",
        data={
            "region": "GB",
            "phone": phone.encode("utf-8", "surrogatepass"),
            "csrf_token": csrf(signed_in),
        },
    )

    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)


def test_texts_to_one_number_are_limited_across_accounts(
    app: Flask, signed_in: FlaskClient, move_time: Callable
) -> None:
    clients = [signed_in]
    for number in range(6):
        with app.app_context():
            add_user(f"{number}@example.org")
        clients.append(app.test_client())
        clients[-1].environ_base["REMOTE_ADDR"] = f"192.0.{number}.1"
        sign_in(clients[-1], f"{number}@example.org")

    statuses = [ask(client).status_code for client in clients]

    assert statuses == [303] * 6 + [429]


@pytest.mark.parametrize(
    ("limit", "numbers"),
    [
        ("SMS_DAILY_BUDGET", ["+447400123456", "+4915123456789"]),
        ("SMS_DAILY_BUDGET_PER_COUNTRY", ["+447400123456", "+447400123457"]),
    ],
)
def test_no_text_is_sent_once_the_budget_is_spent(
    make_app: Callable[..., Flask], app: Flask, user: User, limit: str, numbers: list[str],
    caplog: pytest.LogCaptureFixture, move_time: Callable,
) -> None:  # fmt: skip
    limited = make_app(**{limit: "2"})
    client = limited.test_client()
    sign_in(client)

    assert ask(client, numbers[0]).status_code == 303
    with move_time(seconds=31):
        refused = ask(client, numbers[1])

    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert "too many codes" in refused.get_data(as_text=True)
    assert numbers[1] in refused.get_data(as_text=True)
    assert "budget" in caplog.text
    assert texts(app, numbers[1]) == []


def test_without_a_text_service_a_number_can_be_removed_but_not_added(
    make_app: Callable[..., Flask], app: Flask, user: User, client: FlaskClient
) -> None:
    sign_in(client)
    verify(app, client)
    silent = make_app(**PRODUCTION).test_client()
    sign_in(silent)

    page = silent.get("/account/phone").get_data(as_text=True)
    assert "Change your phone number" not in page
    post(silent, "/account/phone/remove")

    assert phone_of(app) is None
    page = silent.get("/verify/phone").get_data(as_text=True)
    assert "send text messages" in page
    assert "Add a phone number" not in silent.get("/account").get_data(as_text=True)
    refused = silent.post("/verify/phone", data={"phone": NUMBER, "csrf_token": csrf(silent)})
    assert refused.status_code == 409


def test_a_code_survives_a_change_of_the_secret_key(
    make_app: Callable[..., Flask], app: Flask, signed_in: FlaskClient, environ: dict[str, str],
    move_time: Callable,
) -> None:  # fmt: skip
    ask(signed_in)
    code = newest_code(app)
    rotated = make_app(
        SECRET_KEY="aB3kLm9xQw7Tz1Yp5Vn8Rc2Js6Hd4Gf0Ue",
        SECRET_KEY_FALLBACKS=environ["SECRET_KEY"],
    )
    client = rotated.test_client()
    sign_in(client)

    with move_time(seconds=31):
        again(client)

        assert newest_code(app) == code
        assert enter(client, code).status_code == 303


def test_the_database_does_not_contain_the_code(app: Flask, signed_in: FlaskClient) -> None:
    ask(signed_in)
    code = newest_code(app)

    with app.app_context():
        row = db.session.scalars(select(VerificationToken)).one()
        columns = [str(getattr(row, column.name)) for column in VerificationToken.__table__.columns]

    assert not any(code in column for column in columns)


def test_a_number_can_be_verified_without_redis(
    app: Flask, signed_in: FlaskClient, redis_server
) -> None:
    redis_server.kill()

    verify(app, signed_in)

    assert phone_of(app) == NUMBER


def test_without_a_pending_code_the_user_is_sent_to_request_one(signed_in: FlaskClient) -> None:
    assert signed_in.get("/verify/phone/code").headers["Location"] == "/verify/phone"
    told = signed_in.get("/verify/phone").get_data(as_text=True)
    assert "has expired or was already used" in told
