"""Verifying an address with a link that works once, or with the code in the same mail."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain.emailed_links import GUESSES
from authapp.models import Activity, ActivityEvent, User, db
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import HOSTILE, post, sign_in
from tests.support.messages import newest_verification_link

EMAIL = "new@example.org"


def newest_code(app: Flask) -> str:
    with app.app_context():
        found = re.search(r"^(\d{3} \d{3})$", outbox.list_recent()[0].body, re.MULTILINE)
    assert found
    return found[1]


def register(client: FlaskClient) -> None:
    assert post(client, "/register", email=EMAIL, password=PASSWORD).status_code == 303


def is_verified(app: Flask) -> bool:
    with app.app_context():
        user = db.session.scalars(db.select(User).where(User.email == EMAIL)).one()
        return user.email_verified_at is not None


def openings(app: Flask) -> int:
    with app.app_context():
        elsewhere = ActivityEvent.activity == Activity.LINK_OPENED_ELSEWHERE
        return len(db.session.scalars(db.select(ActivityEvent).where(elsewhere)).all())


def test_opening_the_link_changes_nothing(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_verification_link(app)

    for _ in range(3):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200

    assert post(client, link).status_code == 200


def test_a_used_link_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_verification_link(app)
    assert post(client, link).status_code == 200

    for answer in (client.get(link), post(client, link, page="/login")):
        assert answer.status_code == 410
        assert "already used" in answer.get_data(as_text=True)


def test_an_expired_link_is_refused(
    app: Flask, client: FlaskClient, move_time: Callable[..., Any]
) -> None:
    register(client)
    link = newest_verification_link(app)

    with move_time(minutes=31):
        answer = client.get(link)

    assert answer.status_code == 410
    assert "has expired" in answer.get_data(as_text=True)


def test_a_new_link_voids_the_previous_one(app: Flask, client: FlaskClient) -> None:
    register(client)
    first = newest_verification_link(app)
    sign_in(client, EMAIL)

    assert post(client, "/verify/email").status_code == 303

    assert "a newer one" in client.get(first).get_data(as_text=True)
    assert post(client, newest_verification_link(app)).status_code == 200


def test_a_link_with_a_wrong_secret_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_verification_link(app)
    changed = link[:-3] + ("AAA" if not link.endswith("AAA") else "BBB")

    assert "incomplete or invalid" in client.get(changed).get_data(as_text=True)
    assert client.get(link).status_code == 200


def test_without_redis_a_link_still_works_once(
    app: Flask, client: FlaskClient, redis_server
) -> None:
    register(client)
    link = newest_verification_link(app)

    redis_server.kill()

    assert post(client, link).status_code == 200
    assert client.get(link).status_code == 410


def test_the_link_alone_does_not_verify_in_another_browser(app: Flask, client: FlaskClient) -> None:
    register(client)
    link, scanner = newest_verification_link(app), app.test_client()

    opened = [scanner.get(link), scanner.head(link), scanner.get(link)]
    pressed = post(scanner, link)
    typed = post(scanner, link, code="not a code")

    assert {answer.status_code for answer in opened} == {200}
    assert "Enter the code" in opened[0].get_data(as_text=True)
    assert pressed.status_code == typed.status_code == 422
    assert "six-digit code" in pressed.get_data(as_text=True)
    assert not is_verified(app)
    assert openings(app) == 1
    assert post(client, link).status_code == 200
    assert is_verified(app)


def test_a_browser_that_registered_another_address_is_another_browser(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    link, neighbour = newest_verification_link(app), app.test_client()
    post(neighbour, "/register", email="other@example.org", password=PASSWORD)
    sign_in(neighbour, "other@example.org")

    assert post(neighbour, link).status_code == 422
    assert not is_verified(app)


def test_the_code_verifies_in_another_browser(app: Flask, client: FlaskClient) -> None:
    register(client)

    answer = post(app.test_client(), newest_verification_link(app), code=newest_code(app))

    assert answer.status_code == 200
    assert is_verified(app)


def test_a_signed_in_user_can_verify_in_another_browser(app: Flask, client: FlaskClient) -> None:
    register(client)
    elsewhere = app.test_client()
    sign_in(elsewhere, EMAIL)

    assert post(elsewhere, newest_verification_link(app)).status_code == 200
    assert is_verified(app)
    assert openings(app) == 0


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_the_code_verifies_in_the_browser_that_requested_it(
    app: Flask, client: FlaskClient, is_signed_in: bool
) -> None:
    register(client)
    code = newest_code(app)
    if is_signed_in:
        sign_in(client, EMAIL)

    answer = post(client, "/verify/email/code", "/verify/email", code=code)

    assert answer.status_code == 200
    assert is_verified(app)
    again = post(client, "/verify/email/code", "/account" if is_signed_in else "/login", code=code)
    assert again.status_code == 410


def test_the_code_alone_does_not_verify_in_another_browser(app: Flask, client: FlaskClient) -> None:
    register(client)
    code, elsewhere = newest_code(app), app.test_client()
    post(elsewhere, "/register", email=EMAIL, password="another long password of mine")

    answer = post(elsewhere, "/verify/email/code", "/verify/email", code=code)

    assert answer.status_code == 422
    assert not is_verified(app)


def test_guesses_are_limited_and_a_new_code_does_not_reset_the_limit(
    app: Flask, client: FlaskClient, move_time: Callable[..., object]
) -> None:
    register(client)
    sign_in(client, EMAIL)
    right = newest_code(app).replace(" ", "")
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(GUESSES.most):
        assert post(client, "/verify/email/code", "/verify/email", code=wrong).status_code == 422

    assert post(client, "/verify/email/code", "/verify/email", code=right).status_code == 429
    post(client, "/verify/email")
    fresh = newest_code(app)
    assert post(client, "/verify/email/code", "/verify/email", code=fresh).status_code == 429

    assert not is_verified(app)
    assert post(client, newest_verification_link(app)).status_code == 200


def test_guesses_do_not_reveal_whether_an_address_has_an_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("known@example.org")
    post(client, "/register", email=user.email, password=PASSWORD)
    for _ in range(GUESSES.most):
        post(client, "/verify/email/code", "/verify/email", code="123456")

    answers = []
    for email in ("known@example.org", "unknown@example.org"):
        post(client, "/register", email=email, password=PASSWORD)
        answers.append(post(client, "/verify/email/code", "/verify/email", code="123456"))

    assert [answer.status_code for answer in answers] == [422, 422]


def test_a_code_from_a_voided_mail_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    sign_in(client, EMAIL)
    former = newest_code(app)
    post(client, "/verify/email")

    assert post(client, "/verify/email/code", "/verify/email", code=former).status_code == 422
    assert not is_verified(app)


def test_a_code_survives_a_change_of_the_secret_key(
    make_app: Callable[..., Flask], environ: dict[str, str], client: FlaskClient, app: Flask
) -> None:
    register(client)
    code, link = newest_code(app), newest_verification_link(app)
    successor = make_app(
        SECRET_KEY="another secret that is long enough 42",
        SECRET_KEY_FALLBACKS=environ["SECRET_KEY"],
    )

    assert post(successor.test_client(), link, code=code).status_code == 200


def test_a_second_email_can_be_requested_after_half_a_minute(
    app: Flask, client: FlaskClient, move_time: Callable[..., object]
) -> None:
    register(client)
    sign_in(client, EMAIL)
    post(client, "/verify/email")
    link = newest_verification_link(app)

    post(client, "/verify/email")

    assert newest_verification_link(app) == link
    assert "Try again in" in client.get("/verify/email").get_data(as_text=True)
    with move_time(seconds=31):
        post(client, "/verify/email")
        assert newest_verification_link(app) != link


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_bytes_for_a_code_are_refused(app: Flask, client: FlaskClient, value: str) -> None:
    register(client)
    link = newest_verification_link(app)

    for browser, path, page in [
        (client, "/verify/email/code", "/verify/email"),
        (app.test_client(), link, link),
    ]:
        assert post(browser, path, page, code=value).status_code in (413, 422)
