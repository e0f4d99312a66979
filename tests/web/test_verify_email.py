"""Verifying an address with a link that works once, or with the code in the same mail."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain import emailed_links
from authapp.domain.email_addresses import find_owner
from authapp.domain.emailed_links import Visitor
from authapp.errors import Conflict
from authapp.models import (
    Activity,
    ActivityEvent,
    User,
    db,
    delete_user,
)
from authapp.security.opaque_tokens import make_link_token, new_secret
from authapp.services import password_reset
from authapp.services import verify_email as service
from authapp.services.register import register as register_service
from authapp.token_cache import token_cache
from tests.support.accounts import DEVICE, HERE, PASSWORD
from tests.support.applications import answer_requests
from tests.support.browsing import HOSTILE, hidden, is_signed_in, post, sign_in
from tests.support.messages import code_to, newest_to, newest_verification_link

EMAIL = "new@example.org"


def newest_code(app: Flask) -> str:
    answer_requests(app)
    with app.app_context():
        found = re.search(r"^(\d{3} \d{3})$", outbox.list_recent()[0].body, re.MULTILINE)
    assert found
    return found[1]


def register(client: FlaskClient, email: str = EMAIL) -> None:
    assert post(client, "/register", email=email, password=PASSWORD).status_code == 303


def is_verified(app: Flask) -> bool:
    with app.app_context():
        return find_owner(EMAIL) is not None


def openings(app: Flask) -> int:
    with app.app_context():
        elsewhere = ActivityEvent.activity == Activity.LINK_OPENED_ELSEWHERE
        return len(db.session.scalars(db.select(ActivityEvent).where(elsewhere)).all())


def continues(client: FlaskClient, page: str) -> bool:
    """Return whether the browser of a page can sign in without the password."""
    client.post("/verify/email/continue", data=hidden(page))
    return is_signed_in(client)


def reset_elsewhere(app: Flask) -> None:
    """Set another password with an emailed link, as the owner of the mailbox."""
    post(app.test_client(), "/password/reset", email=EMAIL)
    answer_requests(app)
    with app.app_context():
        link = password_reset.check(newest_to(app, EMAIL, r"/password/reset/(\S+)"))
        password_reset.reset(link, "another four words", revoke_tokens=True, client=HERE)


def code_in_database(app: Flask) -> str:
    """Return the code of the only active link, which no email contains."""
    with app.app_context():
        owner = find_owner(EMAIL)
        assert owner is not None
        [link] = token_cache.get_verification_tokens_by_user(owner.id, service.TYPE)
        return emailed_links.code_of(make_link_token(link.id, new_secret()))


def test_opening_the_link_changes_nothing(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_verification_link(app)

    for _ in range(3):
        assert client.get(link).status_code == 200
        assert client.head(link).status_code == 200

    assert post(client, link).status_code == 303


def test_a_used_link_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    link = newest_verification_link(app)
    assert post(client, link).status_code == 303

    for answer in (client.get(link), post(client, link, page="/account")):
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

    assert post(client, "/verify/email").status_code == 303
    answer_requests(app)

    assert "a newer one" in client.get(first).get_data(as_text=True)
    assert post(client, newest_verification_link(app)).status_code == 303


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

    assert post(client, link).status_code == 303
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
    assert post(client, link).status_code == 303
    assert is_verified(app)


def test_a_browser_that_registered_another_address_is_another_browser(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    link, neighbour = newest_verification_link(app), app.test_client()
    post(neighbour, "/register", email="other@example.org", password=PASSWORD)
    post(neighbour, newest_verification_link(app))

    assert post(neighbour, link).status_code == 422
    assert not is_verified(app)


def test_the_code_verifies_in_another_browser(app: Flask, client: FlaskClient) -> None:
    register(client)

    answer = post(app.test_client(), newest_verification_link(app), code=newest_code(app))

    assert answer.status_code == 200
    assert is_verified(app)


def test_the_code_verifies_in_the_browser_that_requested_it(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    code = newest_code(app)

    answer = post(client, "/verify/email/code", "/verify/email", code=code)

    assert answer.status_code == 303
    assert is_verified(app)
    assert post(client, "/verify/email/code", "/account", code=code).status_code == 410


def test_confirming_signs_in_the_browser_that_registered(app: Flask, client: FlaskClient) -> None:
    post(client, "/register?next=/account/activity", email=EMAIL, password=PASSWORD)
    answer_requests(app)

    answer = post(client, newest_verification_link(app))

    assert answer.headers["Location"] == "/account/activity"
    page = client.get("/account/activity").get_data(as_text=True)
    assert "Your email address is confirmed." in page


def test_another_browser_that_confirms_is_not_signed_in(app: Flask, client: FlaskClient) -> None:
    register(client)
    elsewhere = app.test_client()

    post(elsewhere, newest_verification_link(app), code=newest_code(app))

    assert not is_signed_in(elsewhere)
    assert not is_signed_in(client)


@pytest.mark.parametrize("code", ["", "123456"])
def test_the_browser_that_registered_continues_after_another_one_confirmed(
    app: Flask, client: FlaskClient, code: str
) -> None:
    register(client)
    page = client.get("/verify/email").get_data(as_text=True)
    post(app.test_client(), newest_verification_link(app), code=newest_code(app))

    answer = client.post("/verify/email/code", data={**hidden(page), "code": code})
    shown = client.get(answer.headers["Location"]).get_data(as_text=True)
    done = client.post("/verify/email/continue", data=hidden(shown))

    assert "You confirmed it in another browser." in shown
    assert done.headers["Location"] == "/account"
    assert is_signed_in(client)


def test_the_browser_that_registered_does_not_continue_after_a_reset(
    app: Flask, client: FlaskClient
) -> None:
    """It may be a stranger's, who registered someone else's address."""
    register(client)
    page = client.get("/verify/email").get_data(as_text=True)
    reset_elsewhere(app)
    assert is_verified(app)

    assert not continues(client, page)


def test_after_a_reset_no_code_is_valid_in_the_browser_that_registered(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    page, code = client.get("/verify/email").text, newest_code(app)
    reset_elsewhere(app)

    refused = client.post("/verify/email/code", data={**hidden(page), "code": code})

    assert refused.status_code == 422
    assert not is_signed_in(client)


def test_a_code_that_is_sent_after_a_reset_does_not_sign_in(
    app: Flask, client: FlaskClient, move_time: Callable[..., object]
) -> None:
    """No one receives it, but the browser that registered can guess it."""
    register(client)
    page = client.get("/verify/email").text
    reset_elsewhere(app)
    with move_time(minutes=1):
        client.post("/verify/email", data=hidden(page))
        answer_requests(app)
        code = code_in_database(app)

        refused = client.post("/verify/email/code", data={**hidden(page), "code": code})

    assert refused.status_code == 410
    assert not is_signed_in(client)


def test_it_cannot_continue_later_or_twice_or_for_another_account(
    app: Flask, client: FlaskClient, move_time: Callable[..., object]
) -> None:
    register(client)
    page = client.get("/verify/email").get_data(as_text=True)
    stranger = app.test_client()
    register(stranger, "stranger@example.org")
    strangers = stranger.get("/verify/email").get_data(as_text=True)
    link = newest_to(app, EMAIL, r"http://[^/]+(/verify/email/\S+)")
    post(app.test_client(), link, code=code_to(app, EMAIL))

    assert not continues(stranger, strangers)
    with move_time(minutes=61):
        assert not continues(client, page)
    sign_in(app.test_client(), EMAIL)
    assert not continues(client, page)


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
    right = newest_code(app).replace(" ", "")
    wrong = f"{(int(right) + 1) % 10**6:06}"
    for _ in range(5):
        assert post(client, "/verify/email/code", "/verify/email", code=wrong).status_code == 422

    assert post(client, "/verify/email/code", "/verify/email", code=right).status_code == 429
    post(client, "/verify/email")
    fresh = newest_code(app)
    assert post(client, "/verify/email/code", "/verify/email", code=fresh).status_code == 429

    assert not is_verified(app)
    assert post(client, newest_verification_link(app)).status_code == 303


def test_registering_again_does_not_allow_endless_guesses(app: Flask, client: FlaskClient) -> None:
    answers = []
    for _ in range(20 // 5 + 1):
        register(client)
        answer_requests(app)
        for _ in range(5):
            answers.append(post(client, "/verify/email/code", "/verify/email", code="123456"))

    assert [answer.status_code for answer in answers[-6:]] == [422] + [429] * 5


def test_a_code_from_a_voided_mail_is_refused(app: Flask, client: FlaskClient) -> None:
    register(client)
    former = newest_code(app)
    post(client, "/verify/email")
    answer_requests(app)

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


def test_the_first_of_two_registrations_to_be_confirmed_becomes_the_account(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    mine, stranger = newest_verification_link(app), app.test_client()
    other = "another long password of mine"
    post(stranger, "/register", email=EMAIL, password=other)
    theirs = newest_verification_link(app)

    assert post(client, mine).status_code == 303
    late = post(stranger, theirs)

    assert late.status_code == 409
    assert "already have an account" in late.get_data(as_text=True)
    assert post(stranger, "/login", email=EMAIL, password=other).status_code == 422
    assert is_signed_in(client)


def test_one_of_two_concurrent_confirmations_of_an_address_succeeds(app: Flask) -> None:
    ids, codes = [], []
    for _ in range(2):
        with app.app_context():
            ids.append(register_service(EMAIL, PASSWORD, client=HERE, browser="x"))
        codes.append(newest_code(app))

    def confirm(id: UUID, code: str) -> bool:
        with app.app_context():
            try:
                service.claim_by_code(id, Visitor(None, "x"), code, device=DEVICE)
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(confirm, ids, codes)) == [False, True]
    with app.app_context():
        assert find_owner(EMAIL) is not None


def test_a_registration_that_was_deleted_leads_back_to_the_form(
    app: Flask, client: FlaskClient
) -> None:
    register(client)
    with app.app_context():
        delete_user(db.session.scalars(db.select(User.id)).one())
        db.session.commit()

    answer = post(client, "/verify/email")

    assert answer.status_code == 410
    assert 'href="/register"' in answer.get_data(as_text=True)
