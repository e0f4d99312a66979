"""Activity is recorded in the same transaction as the change it describes."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import activity
from authapp.models import Activity, ActivityEvent, User, db
from authapp.services.activity import list_recent
from tests.support.accounts import HERE, PASSWORD
from tests.support.browsing import post, sign_in

pytestmark = pytest.mark.usefixtures("new_hour")


def test_a_rolled_back_event_is_not_recorded(context: None, user: User) -> None:
    activity.note(user.id, Activity.SIGNED_IN, HERE)
    db.session.flush()
    db.session.rollback()

    assert list_recent(user.id) == []


def test_successful_and_refused_sign_ins_are_recorded(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/login", email=user.email, password="not the password")
    sign_in(client)

    with app.app_context():
        noted = list_recent(user.id)

    assert [event.activity for event in noted] == [Activity.SIGNED_IN, Activity.SIGN_IN_REFUSED]
    assert {event.address for event in noted} == {"127.0.0.1"}


def test_a_refused_sign_in_without_an_account_is_recorded(app: Flask, client: FlaskClient) -> None:
    post(client, "/login", email="nobody@example.org", password=PASSWORD)

    with app.app_context():
        (event,) = db.session.scalars(db.select(ActivityEvent))

    assert event.activity == Activity.SIGN_IN_REFUSED
    assert event.user_id is None


def test_failures_at_unknown_addresses_do_not_wait_for_each_other(
    app: Flask, client: FlaskClient
) -> None:
    for email in ["first@example.org", "second@example.org"] * 2:
        post(client, "/login", email=email, password=PASSWORD)

    with app.app_context():
        times = db.session.scalars(db.select(ActivityEvent.times)).all()

    assert times == [2, 2]


def test_failures_get_another_entry_after_an_hour(
    context: None, user: User, move_time: Callable[..., object]
) -> None:
    for hours in (0, 1):
        with move_time(hours=hours):
            for _ in range(3):
                activity.note_failure("guess", user.id, Activity.SIGN_IN_REFUSED, HERE)
            db.session.commit()

    assert [event.times for event in list_recent(user.id)] == [3, 3]
