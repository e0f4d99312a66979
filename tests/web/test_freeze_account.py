"""The page behind "This wasn't me": it requires no sign-in, but a person's action."""

from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import one_time_tokens, security_notices
from authapp.models import User, db
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import is_signed_in, post, sign_in


def link(app: Flask, user: User, **changes: str) -> str:
    """Send a security mail, and return the path of its link."""
    with app.test_request_context():
        security_notices.send(db.session.get(User, user.id), "new_device", client=HERE, **changes)
        db.session.commit()
        body = app.test_client().get("/dev/outbox.json").get_json()[0]["body"]
    return "/not-me/" + body.split("/not-me/")[1].split()[0]


def is_frozen(app: Flask, user: User) -> bool:
    with app.app_context():
        return db.session.get(User, user.id).frozen_at is not None


def test_opening_the_link_changes_nothing(app: Flask, client: FlaskClient, user: User) -> None:
    path = link(app, user)

    answers = [client.get(path), client.head(path), client.get(path)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not is_frozen(app, user)


def test_the_page_does_not_reveal_the_address(app: Flask, client: FlaskClient, user: User) -> None:
    assert user.email not in client.get(link(app, user)).get_data(as_text=True)


def test_the_address_and_the_button_freeze_the_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    path = link(app, user)

    answer = post(client, path, email=user.email)

    assert answer.status_code == 200
    assert "Your account is frozen" in answer.get_data(as_text=True)
    assert is_frozen(app, user)
    assert not is_signed_in(client)


def test_freezing_keeps_a_session_of_another_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("another@example.org")
    sign_in(client, "another@example.org")

    post(client, link(app, user), email=user.email)

    assert is_signed_in(client)


def test_the_button_alone_freezes_nothing(app: Flask, client: FlaskClient, user: User) -> None:
    path = link(app, user)

    answers = [post(client, path), post(client, path, email="somebody.else@example.org")]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert "Enter the email address that received our email." in answers[1].get_data(as_text=True)
    assert not is_frozen(app, user)


def test_a_used_link_says_what_to_do_next(app: Flask, client: FlaskClient, user: User) -> None:
    path = link(app, user)
    page = client.get(path)
    post(client, path, email=user.email)

    answers = [client.get(path), client.get(path)]

    assert page.status_code == 200
    for answer in answers:
        assert answer.status_code == 410
        assert "Choose a new password to unfreeze it" in answer.get_data(as_text=True)


def test_an_expired_link_says_what_to_do(
    app: Flask, client: FlaskClient, user: User, move_time
) -> None:
    path = link(app, user)

    with move_time(days=8):
        answer = client.get(path)

    assert answer.status_code == 410
    assert 'href="/password/reset"' in answer.get_data(as_text=True)


def test_a_voided_link_is_reported_as_no_longer_valid(
    app: Flask, client: FlaskClient, user: User
) -> None:
    path = link(app, user)
    with app.app_context():
        one_time_tokens.void(user.id, "not_me")
        db.session.commit()

    answer = client.get(path)

    assert answer.status_code == 410
    assert "no longer valid" in answer.get_data(as_text=True)


def test_signing_in_to_a_frozen_account_says_how_to_unfreeze_it(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, link(app, user), email=user.email)

    right = post(client, "/login", email=user.email, password=PASSWORD)
    wrong = post(client, "/login", email=user.email, password="not the password")

    assert right.status_code == 403
    assert "Choose a new password" in right.get_data(as_text=True)
    assert wrong.status_code == 422
    assert "frozen" not in wrong.get_data(as_text=True)
