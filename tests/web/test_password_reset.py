"""Setting a new password by an emailed link."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from authapp import clock
from authapp.delivery import outbox
from authapp.domain.api_tokens import check
from authapp.errors import TokenRevoked, TokenUsed
from authapp.models import Activity, PasswordResetRequest, RevokeReason, User, db
from authapp.services import activity, api_tokens, password_reset
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import csrf_token, is_signed_in, post, sign_in
from tests.support.servers import RedisServer

NEW = "five entirely different words here"

MAILS_BY_CLIENT, RESETS_BY_MAILBOX = 20, 3
"""LIMIT_MAIL_BY_CLIENT and LIMIT_RESET_BY_MAILBOX."""


def ask(app: Flask, client: FlaskClient, email: str = "somebody@example.org") -> None:
    """Request a link, and let the worker answer."""
    assert post(client, "/password/reset", email=email).status_code == 303
    with app.app_context():
        password_reset.answer_requests()


def mails(app: Flask) -> list[str]:
    with app.app_context():
        return [mail.body for mail in outbox.list_recent()]


def newest_link(app: Flask) -> str:
    found = re.search(r"http://[^/]+(/password/reset/\S+)", mails(app)[0])
    assert found
    return found[1]


def choose(client: FlaskClient, password: str = NEW, **fields: str):
    return post(client, "/password/reset/new", new_password=password, **fields)


def test_a_link_sets_a_password_once(app: Flask, client: FlaskClient, user: User) -> None:
    ask(app, client)
    link = newest_link(app)

    opened = client.get(link)
    answer = choose(client)

    assert opened.headers["Location"].startswith("/password/reset/new?flow=")
    assert answer.headers["Location"] == "/password/reset/done"
    assert not is_signed_in(client)
    assert post(client, "/login", email=user.email, password=PASSWORD).status_code == 422
    assert post(client, "/login", email=user.email, password=NEW).status_code == 303
    client.get(link)
    again = client.get("/password/reset/new")
    assert again.status_code == 410
    assert "already used" in again.get_data(as_text=True)


def test_the_secret_does_not_appear_in_the_page_or_its_url(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(app, client)
    link = newest_link(app)

    opened = client.get(link)
    page = client.get("/password/reset/new").get_data(as_text=True)

    secret = link.rpartition("/")[2]
    assert "<script" not in opened.get_data(as_text=True)
    assert opened.headers["Referrer-Policy"] == "no-referrer"
    assert secret not in opened.headers["Location"]
    assert secret not in page


def test_opening_the_link_and_its_form_changes_nothing(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(app, client)
    link = newest_link(app)
    scanner = app.test_client()

    for method in (scanner.get, scanner.head):
        assert method(link, follow_redirects=True).status_code == 200
    assert choose(scanner, "").status_code == 422

    client.get(link)
    assert choose(client).status_code == 303


def test_a_request_does_the_same_work_for_any_address(
    app: Flask, client: FlaskClient, user: User
) -> None:
    statements: list[str] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    page = client.get("/password/reset").get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)

    def work(email: str) -> tuple[list[str], int, str]:
        statements.clear()
        answer = client.post("/password/reset", data={"email": email, "csrf_token": token[1]})
        sent = client.get("/password/reset/sent").get_data(as_text=True)
        return [*statements], answer.status_code, sent.replace(email, "")

    assert work(user.email) == work("nobody@example.org")
    assert work("x" + user.email) == work("x@example.org")


def test_only_an_existing_account_gets_a_mail(app: Flask, client: FlaskClient, user: User) -> None:
    ask(app, client, "nobody@example.org")
    assert mails(app) == []

    ask(app, client, user.email.upper())

    (body,) = mails(app)
    assert "127.0.0.1" in body
    assert "30 minutes" in body
    with app.app_context():
        assert db.session.scalars(db.select(PasswordResetRequest)).all() == []
        assert activity.list_recent(user.id)[0].activity == Activity.PASSWORD_RESET_REQUESTED


def test_a_disabled_account_gets_no_mail_and_cannot_use_its_link(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(app, client)
    client.get(newest_link(app))
    with app.app_context():
        db.session.get(User, user.id).disabled_at = clock.now()
        db.session.commit()

    ask(app, client)
    answer = post(client, "/password/reset/new", "/password/reset", new_password=NEW)

    assert len(mails(app)) == 1
    assert answer.status_code == 410


def test_a_reset_signs_out_everywhere_and_sends_a_notice(
    app: Flask, client: FlaskClient, make_app: Callable[..., Flask], user: User
) -> None:
    elsewhere = make_app().test_client()
    sign_in(elsewhere, remember="y")
    sign_in(client)
    ask(app, client)
    client.get(newest_link(app))

    choose(client)

    assert not is_signed_in(client)
    assert not is_signed_in(elsewhere)
    assert "The password of your authapp account" in mails(app)[0]
    assert "/not-me/" in mails(app)[0]
    with app.app_context():
        assert activity.list_recent(user.id)[0].activity == Activity.PASSWORD_RESET


def test_a_reset_voids_pending_links_of_a_thief(
    app: Flask, client: FlaskClient, user: User
) -> None:
    thief = app.test_client()
    sign_in(thief)
    post(thief, "/account/email", email="thief@example.org")
    found = re.search(r"http://[^/]+(/account/email/\S+)", "\n".join(mails(app)))
    assert found
    ask(app, client)
    client.get(newest_link(app))

    choose(client)

    assert thief.get(found[1]).status_code == 410
    with app.app_context():
        assert db.session.get(User, user.id).email == user.email


def test_a_reset_voids_the_offer_to_keep_a_closed_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    thief = app.test_client()
    sign_in(thief)
    post(thief, "/account/delete", password=PASSWORD)
    post(thief, "/login", email=user.email, password=PASSWORD)
    assert thief.get("/account/delete/keep").status_code == 200
    ask(app, client)
    client.get(newest_link(app))

    choose(client)

    assert thief.get("/account/delete/keep").status_code == 302
    assert not is_signed_in(thief)


def test_a_reset_leaves_another_account_signed_in(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("other@example.org")
    sign_in(client, "other@example.org")
    ask(app, client)
    client.get(newest_link(app))

    choose(client)

    assert is_signed_in(client)


def test_every_link_works_until_one_is_used(app: Flask, client: FlaskClient, user: User) -> None:
    ask(app, client)
    first = newest_link(app)
    ask(app, client)
    second = newest_link(app)
    client.get(first)
    assert choose(client).status_code == 303

    client.get(second)
    answer = client.get("/password/reset/new")

    assert answer.status_code == 410
    assert "was changed after" in answer.get_data(as_text=True)
    assert 'href="/password/reset"' in answer.get_data(as_text=True)


def test_an_expired_link_is_refused(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    ask(app, client)
    client.get(newest_link(app))

    with move_time(minutes=31):
        answer = client.get("/password/reset/new")

    assert answer.status_code == 410
    assert "has expired" in answer.get_data(as_text=True)


def test_a_rejected_password_is_explained_and_keeps_the_link_valid(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(app, client)
    client.get(newest_link(app))

    short, guessable = choose(client, "short"), choose(client, user.email)

    assert "at least 15" in short.get_data(as_text=True)
    assert "easy to guess" in guessable.get_data(as_text=True)
    assert choose(client).status_code == 303


def test_one_of_two_concurrent_resets_succeeds(app: Flask, client: FlaskClient, user: User) -> None:
    ask(app, client)
    value = newest_link(app).rpartition("/")[2]

    def reset(password: str) -> bool:
        with app.test_request_context():
            try:
                password_reset.reset(
                    password_reset.check(value), password, revoke_tokens=True, client=HERE
                )
            except TokenUsed:
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        won = list(pool.map(reset, [NEW, NEW + " again"]))

    assert sorted(won) == [False, True]
    password = (NEW, NEW + " again")[won.index(True)]
    assert post(client, "/login", email=user.email, password=password).status_code == 303


def test_concurrent_workers_answer_a_request_once(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/password/reset", email=user.email)

    def work(_: int) -> int:
        with app.app_context():
            return password_reset.answer_requests()

    with ThreadPoolExecutor(4) as pool:
        answered = sum(pool.map(work, range(4)))

    assert answered == 1
    assert len(mails(app)) == 1


def test_a_reset_verifies_the_address(app: Flask, client: FlaskClient) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)
    ask(app, client, "new@example.org")
    client.get(newest_link(app))

    choose(client)

    with app.app_context():
        assert db.session.scalars(db.select(User)).one().email_verified_at is not None


@pytest.mark.parametrize("is_verified", [False, True])
@pytest.mark.parametrize("keeps", [False, True])
def test_a_reset_revokes_api_tokens_unless_a_verified_owner_keeps_them(
    make_app: Callable[..., Flask], user: User, is_verified: bool, keeps: bool
) -> None:
    app = make_app()
    with app.test_request_context():
        token = api_tokens.create(
            user.id, name="Nightly backup", scopes=["account:read"], expires_at=None, client=HERE
        )
        owner = db.session.get(User, user.id)
        owner.email_verified_at = clock.now() if is_verified else None
        db.session.commit()

    client = app.test_client()
    ask(app, client)
    client.get(newest_link(app))
    assert "Nightly backup" in client.get("/password/reset/new").get_data(as_text=True)
    choose(client, **({} if keeps else {"revoke_tokens": "y"}))

    with app.app_context():
        if is_verified and keeps:
            assert check(token.value).user_id == user.id
        else:
            with pytest.raises(TokenRevoked) as refusal:
                check(token.value)
            assert refusal.value.reason == RevokeReason.PASSWORD_CHANGED


def test_mails_to_one_address_are_limited_silently(
    app: Flask, client: FlaskClient, user: User
) -> None:
    for _ in range(RESETS_BY_MAILBOX + 2):
        ask(app, client)

    assert len(mails(app)) == RESETS_BY_MAILBOX


def test_requests_are_limited_per_client_with_a_retry_time(client: FlaskClient) -> None:
    for number in range(MAILS_BY_CLIENT):
        assert post(client, "/password/reset", email=f"a{number}@example.org").status_code == 303

    answer = post(client, "/password/reset", email="b@example.org")

    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


def test_a_form_without_an_opened_link_says_what_to_do(client: FlaskClient) -> None:
    page = client.get("/password/reset/new")
    form = post(client, "/password/reset/new", "/password/reset", new_password=NEW)

    for answer in (page, form):
        assert answer.status_code == 410
        assert "Open the link in the email again" in answer.get_data(as_text=True)


@pytest.mark.parametrize("text", ["x", "." * 66, "%00", "é" * 40, "x" * 5000])
def test_an_invalid_link_is_refused_with_an_explanation(client: FlaskClient, text: str) -> None:
    answer = client.get(f"/password/reset/{text}", follow_redirects=True)

    assert answer.status_code == 410
    assert "incomplete or invalid" in answer.get_data(as_text=True)


def test_without_redis_a_link_still_works_once(
    app: Flask, client: FlaskClient, user: User, redis_server: RedisServer
) -> None:
    ask(app, client)
    redis_server.kill()
    client.get(newest_link(app))

    assert choose(client).status_code == 303
    assert client.get("/password/reset/new").status_code == 410


def test_a_link_of_an_unverified_account_is_refused_once_another_owns_the_address(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)
    ask(app, client, "new@example.org")
    client.get(newest_link(app))
    with app.app_context():
        add_user("new@example.org")

    assert choose(client).status_code == 410
    assert post(client, "/login", email="new@example.org", password=PASSWORD).status_code == 303


def test_the_typed_address_is_taken_along_from_sign_in_but_not_in_a_url(
    client: FlaskClient,
) -> None:
    answer = post(
        client,
        "/password/reset/start?next=/app",
        page="/login",
        email=" me@example.org ",
        password="",
    )
    page = client.get(answer.headers["Location"]).get_data(as_text=True)

    assert "me@" not in answer.headers["Location"]
    assert 'value="me@example.org"' in page
    assert 'href="/login?next=/app"' in page


def test_the_requested_page_is_opened_after_a_reset_in_any_browser(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/password/reset?next=/app/page", email=user.email)
    with app.app_context():
        password_reset.answer_requests()
    elsewhere = app.test_client()
    elsewhere.get(newest_link(app))
    choose(elsewhere)

    answer = post(elsewhere, "/login", email=user.email, password=NEW)

    assert answer.headers["Location"] == "/app/page"


def test_each_link_leads_to_the_page_that_was_asked_for_with_it(
    app: Flask, client: FlaskClient, user: User
) -> None:
    post(client, "/password/reset?next=/app/page", email=user.email)
    ask(app, app.test_client())
    without_page = newest_link(app)
    client.get(without_page)
    choose(client)

    assert post(client, "/login", email=user.email, password=NEW).headers["Location"] == "/account"


@pytest.mark.parametrize("next", ["//evil.example", "/\\evil.example", "https://evil.example", ""])
def test_a_link_leads_to_no_other_site(
    app: Flask, client: FlaskClient, user: User, next: str
) -> None:
    client.post(
        "/password/reset",
        query_string={"next": next},
        data={"csrf_token": csrf_token(client), "email": user.email},
    )
    with app.app_context():
        stored = db.session.scalars(db.select(PasswordResetRequest.continue_to)).all()
        password_reset.answer_requests()
    client.get(newest_link(app))
    choose(client)

    answer = post(client, "/login", email=user.email, password=NEW)

    assert stored == [None]
    assert answer.headers["Location"] == "/account"


def test_the_email_does_not_contain_what_the_visitor_asked_for(
    app: Flask, client: FlaskClient, user: User
) -> None:
    """Anyone can request an email, and must not choose a text for it."""
    post(client, "/password/reset?next=/call-us-at-5550100", email=user.email)
    with app.app_context():
        password_reset.answer_requests()

    assert "5550100" not in mails(app)[0]
    assert "5550100" not in client.get(newest_link(app)).headers["Location"]
