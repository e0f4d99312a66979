"""Verifying an address by a link that works once."""

import re
from datetime import timedelta

import time_machine
from flask import Flask
from flask.testing import FlaskClient

from authapp import clock
from authapp.delivery import outbox
from tests.conftest import PASSWORD
from tests.web.browsing import post, sign_in

EMAIL = "new@example.org"


def newest_link(app: Flask) -> str:
    with app.app_context():
        found = re.search(r"http://[^/]+(/verify/email/\S+)", outbox.list_recent()[0].body)
    assert found
    return found[1]


def register(client: FlaskClient) -> None:
    assert post(client, "/register", email=EMAIL, password=PASSWORD).status_code == 303


def test_opening_the_link_changes_nothing(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_link(app)

    for _ in range(3):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200

    assert post(client, link).status_code == 200


def test_a_used_link_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_link(app)
    assert post(client, link).status_code == 200

    for answer in (client.get(link), post(client, link, page="/login")):
        assert answer.status_code == 410
        assert "used already" in answer.get_data(as_text=True)


def test_an_old_link_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_link(app)

    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=True):
        answer = client.get(link)

    assert answer.status_code == 410
    assert "too old" in answer.get_data(as_text=True)


def test_another_link_voids_the_earlier_one(app: Flask, client: FlaskClient) -> None:
    register(client)
    first = newest_link(app)
    sign_in(client, EMAIL)

    assert post(client, "/verify/email").status_code == 303

    assert "newer link" in client.get(first).get_data(as_text=True)
    assert post(client, newest_link(app)).status_code == 200


def test_a_link_with_another_secret_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_link(app)
    changed = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")

    assert "not one of ours" in client.get(changed).get_data(as_text=True)
    assert client.get(link).status_code == 200


def test_without_redis_a_link_still_works_once(
    app: Flask, client: FlaskClient, redis_server
) -> None:
    register(client)
    link = newest_link(app)

    redis_server.kill()

    assert post(client, link).status_code == 200
    assert client.get(link).status_code == 410
