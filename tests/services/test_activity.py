"""What happened to an account is noted with what did it."""

from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import activity
from authapp.models import Activity, ActivityEvent, User, db
from authapp.services.activity import list_recent
from tests.support.accounts import HERE, PASSWORD
from tests.support.browsing import post, sign_in


def test_what_is_rolled_back_did_not_happen(context: None, user: User) -> None:
    activity.note(user.id, Activity.SIGNED_IN, HERE)
    db.session.flush()
    db.session.rollback()

    assert list_recent(user.id) == []


def test_signing_in_is_noted_and_so_is_a_refusal(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/login", email=user.email, password="not the password")
    sign_in(client)

    with app.app_context():
        noted = list_recent(user.id)

    assert [event.activity for event in noted] == [Activity.SIGNED_IN, Activity.SIGN_IN_REFUSED]
    assert {event.address for event in noted} == {"127.0.0.1"}


def test_a_refusal_without_an_account_is_noted_too(app: Flask, client: FlaskClient) -> None:
    post(client, "/login", email="nobody@example.org", password=PASSWORD)

    with app.app_context():
        (event,) = db.session.scalars(db.select(ActivityEvent))

    assert event.activity == Activity.SIGN_IN_REFUSED
    assert event.user_id is None
