"""Changing an account's address: the new one is verified first, the old one is notified."""

import re
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.models import Activity, OutboxMessage, User, db
from authapp.services import activity, password_reset
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import HOSTILE, hidden, is_signed_in, post, sign_in
from tests.support.costs import measured
from tests.support.messages import newest_verification_link

OLD, NEW = "somebody@example.org", "new@example.org"


def newest_to(app: Flask, address: str) -> OutboxMessage:
    with app.app_context():
        return next(mail for mail in outbox.list_recent() if mail.recipient == address)


def link_to(app: Flask, address: str, path: str) -> str:
    found = re.search(rf"http://[^/]+({path}/\S+)", newest_to(app, address).body)
    assert found
    return found[1]


def code_to(app: Flask, address: str) -> str:
    found = re.search(r"^\d{3} \d{3}$", newest_to(app, address).body, re.MULTILINE)
    assert found
    return found[0]


def ask(client: FlaskClient, email: str = NEW):
    return post(client, "/account/email", email=email)


def confirm(app: Flask, client: FlaskClient, address: str = NEW):
    return post(client, link_to(app, address, "/account/email"))


def address_of(app: Flask, user: User) -> str:
    with app.app_context():
        return db.session.get(User, user.id).email


def subjects(app: Flask) -> list[tuple[str, str]]:
    with app.app_context():
        return sorted((mail.recipient, mail.message) for mail in outbox.list_recent())


def test_the_address_changes_once_the_new_one_is_verified(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert ask(client).status_code == 303
    assert address_of(app, user) == OLD
    assert subjects(app) == [(NEW, "change_email"), (OLD, "email_change_asked")]
    assert NEW in newest_to(app, OLD).body

    assert confirm(app, client).status_code == 200
    assert address_of(app, user) == NEW
    assert newest_to(app, OLD).message == "email_changed"
    assert is_signed_in(client)
    elsewhere = app.test_client()
    assert post(elsewhere, "/login", email=OLD, password=PASSWORD).status_code == 422
    assert post(elsewhere, "/login", email=NEW, password=PASSWORD).status_code == 303
    with app.app_context():
        assert activity.list_recent(user.id)[1].activity == Activity.EMAIL_CHANGED


def test_a_link_changes_the_address_once(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    ask(client)
    link = link_to(app, NEW, "/account/email")
    confirm(app, client)

    for answer in (client.get(link), post(client, link, "/account")):
        assert answer.status_code == 410
        assert "already used" in answer.get_data(as_text=True)


def test_another_browser_requires_the_code(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    ask(client)
    link, elsewhere = link_to(app, NEW, "/account/email"), app.test_client()

    assert elsewhere.get(link).status_code == elsewhere.head(link).status_code == 200
    assert post(elsewhere, link).status_code == 422
    assert address_of(app, user) == OLD

    assert post(elsewhere, link, code=code_to(app, NEW)).status_code == 200
    assert address_of(app, user) == NEW


def test_the_code_works_in_any_signed_in_browser(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    ask(client)
    other = app.test_client()
    sign_in(other)

    wrong = post(other, "/account/email/code", "/account/email", code="nonsense")
    right = post(other, "/account/email/code", "/account/email", code=code_to(app, NEW))

    assert wrong.status_code == 422
    assert right.status_code == 200
    assert address_of(app, user) == NEW


def test_a_taken_address_looks_free_and_its_owner_is_notified(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("taken@example.org")
    sign_in(client)

    free = ask(client)
    free_page = client.get("/account/email").get_data(as_text=True)
    taken = ask(client, "Taken@example.org")
    taken_page = client.get("/account/email").get_data(as_text=True)

    assert (free.status_code, free.headers["Location"]) == (
        taken.status_code,
        taken.headers["Location"],
    )
    same = [re.sub(r'value="[^"]+"', "", page) for page in (free_page, taken_page)]
    assert same[0].replace(NEW, "") == same[1].replace("Taken@example.org", "")
    mail = newest_to(app, "taken@example.org")
    assert mail.message == "address_wanted"
    assert "/account/email/" not in mail.body
    assert address_of(app, user) == OLD


def test_a_request_does_the_same_whether_or_not_the_address_is_taken(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("taken@example.org")
    sign_in(client)

    def work(email: str) -> tuple[list[str], list[str]]:
        rendered: list[str] = []
        fields = {"email": email, **hidden(client.get("/account/email").get_data(as_text=True))}
        with (
            measured() as cost,
            template_rendered.connected_to(
                lambda _app, template, **_more: rendered.append(template.name), app
            ),
        ):
            assert client.post("/account/email", data=fields).status_code == 303
        data = post(client, "/account/data").get_json()
        return cost.statements + rendered, [message["message"] for message in data["messages"]]

    ask(client, "other@example.org")
    of_taken, told_of_taken = work("taken@example.org")
    of_free, told_of_free = work("freed@example.org")

    assert of_taken == of_free
    assert Counter(told_of_free) - Counter(told_of_taken) == {
        "email_change_asked": 1,
        "data_downloaded": 1,
    }


def test_an_address_taken_since_the_request_is_refused(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    ask(client)
    with app.app_context():
        add_user(NEW)

    answer = confirm(app, client)

    assert answer.status_code == 409
    assert "already in use" in answer.get_data(as_text=True)
    assert address_of(app, user) == OLD


def test_links_sent_to_the_old_address_are_void(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(app.test_client(), "/password/reset", email=OLD)
    with app.app_context():
        password_reset.answer_requests()
    link = link_to(app, OLD, "/password/reset")
    ask(client)

    confirm(app, client)

    assert client.get(link, follow_redirects=True).status_code == 410


def test_the_old_address_undoes_the_change_for_a_week(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    ask(client)
    confirm(app, client)
    undo = link_to(app, OLD, "/not-me")

    with move_time(days=6):
        elsewhere = app.test_client()
        assert elsewhere.get(undo).status_code == 200
        assert post(elsewhere, undo).status_code == 422
        assert address_of(app, user) == NEW
        assert post(elsewhere, undo, email=OLD).status_code == 200

        assert address_of(app, user) == OLD
        assert not is_signed_in(client)
        assert "/password/reset/" in newest_to(app, OLD).body


def test_the_oldest_address_has_the_last_word(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    ask(client)
    confirm(app, client)
    of_the_owner = link_to(app, OLD, "/not-me")
    ask(client, "third@example.org")
    confirm(app, client, "third@example.org")
    of_the_thief = link_to(app, NEW, "/not-me")

    assert post(app.test_client(), of_the_thief, email=NEW).status_code == 200
    assert post(app.test_client(), of_the_owner, email=OLD).status_code == 200

    assert address_of(app, user) == OLD
    assert client.get(of_the_thief).status_code == 410


def test_registering_the_old_address_does_not_block_the_undo(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    ask(client)
    confirm(app, client)
    undo = link_to(app, OLD, "/not-me")
    squatter = app.test_client()
    post(squatter, "/register", email=OLD, password=PASSWORD)
    link = newest_verification_link(app)

    assert post(app.test_client(), undo, email=OLD).status_code == 200

    assert address_of(app, user) == OLD
    assert post(squatter, link).status_code == 409


def test_a_verified_account_at_the_old_address_keeps_the_address(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    ask(client)
    confirm(app, client)
    undo = link_to(app, OLD, "/not-me")
    with app.app_context():
        add_user(OLD)

    assert post(app.test_client(), undo, email=OLD).status_code == 200

    assert address_of(app, user) == NEW
    assert not is_signed_in(client)


def test_changing_the_address_requires_a_recent_password(
    client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)

    with move_time(minutes=16):
        assert client.get("/account/email").headers["Location"].startswith("/account/confirm")


@pytest.mark.parametrize(
    ("email", "told"),
    [
        (OLD, "This is already your email address"),
        (OLD.upper(), "This is already your email address"),
        ("nonsense", "in the format name@"),
        ("", ""),
    ],
)
def test_an_invalid_address_is_reported_next_to_its_field(
    app: Flask, client: FlaskClient, user: User, email: str, told: str
) -> None:
    sign_in(client)

    answer = ask(client, email)

    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert subjects(app) == []


def test_requests_are_limited(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    for _ in range(5):
        assert ask(client).status_code == 303

    assert ask(client).status_code == 429
    to_new = [message for recipient, message in subjects(app) if recipient == NEW]
    assert len(to_new) == 5


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_bytes_are_refused(client: FlaskClient, user: User, value: str) -> None:
    sign_in(client)

    assert ask(client, value).status_code in (413, 422)
    ask(client)
    code = post(client, "/account/email/code", "/account/email", code=value)
    assert code.status_code in (413, 422)


@pytest.mark.parametrize("text", ["x", "." * 66, "%00", "é" * 40, "x" * 5000])
def test_an_invalid_link_is_refused_with_an_explanation(client: FlaskClient, text: str) -> None:
    assert client.get(f"/account/email/{text}").status_code == 410
