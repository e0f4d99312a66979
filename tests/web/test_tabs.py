"""Two tabs of one browser: each form acts on what its own page showed."""

from collections.abc import Callable
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.models import User, db
from authapp.services import password_reset
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import hidden, is_signed_in, post, sign_in
from tests.support.messages import code_to, newest_to

EMAILS: Final = ("first@example.org", "second@example.org")
NEW: Final = ("five entirely different words here", "another five words in a row")
PHONES: Final = ("+447400123456", "+447400123457")

both_orders = pytest.mark.parametrize("order", [(0, 1), (1, 0)])


@pytest.fixture
def people(app: Flask) -> None:
    """Two verified accounts."""
    with app.app_context():
        for email in EMAILS:
            add_user(email)


def account(app: Flask, email: str) -> User:
    with app.app_context():
        return db.session.scalars(db.select(User).where(User.email == email)).one()


def reset_links(app: Flask, client: FlaskClient) -> list[str]:
    for email in EMAILS:
        post(client, "/password/reset", email=email)
    with app.app_context():
        password_reset.answer_requests()
    return [newest_to(app, email, r"http://[^/]+(/password/reset/\S+)") for email in EMAILS]


def open_tab(client: FlaskClient, path: str) -> str:
    return client.get(path, follow_redirects=True).get_data(as_text=True)


def send(client: FlaskClient, path: str, page: str, **fields: str) -> TestResponse:
    """Send the form of a page that was opened earlier."""
    return client.post(path, data={**hidden(page), **fields})


def may_sign_in(app: Flask, email: str, password: str) -> bool:
    return post(app.test_client(), "/login", email=email, password=password).status_code == 303


def is_out_of_date(answer: TestResponse) -> bool:
    return answer.status_code == 410 and "out of date" in answer.get_data(as_text=True)


@both_orders
def test_a_reset_form_sets_the_password_of_the_account_it_shows(
    app: Flask, client: FlaskClient, people: None, order: tuple[int, int]
) -> None:
    tabs = [open_tab(client, link) for link in reset_links(app, client)]

    for this in order:
        assert EMAILS[this] in tabs[this]
        answer = send(client, "/password/reset/new", tabs[this], new_password=NEW[this])
        assert answer.status_code == 303
        others = EMAILS[1 - this], NEW[1 - this] if this == order[1] else PASSWORD
        assert may_sign_in(app, EMAILS[this], NEW[this])
        assert may_sign_in(app, *others)


def test_each_tab_keeps_showing_its_own_account(
    app: Flask, client: FlaskClient, people: None
) -> None:
    opened = [client.get(link).headers["Location"] for link in reset_links(app, client)]
    asked = [post(client, "/password/reset", email=email).headers["Location"] for email in EMAILS]
    made = [
        post(client, "/register", email=f"new.{email}", password=PASSWORD).headers["Location"]
        for email in EMAILS
    ]

    for locations in (opened, asked, made):
        for email, location in zip(EMAILS, locations, strict=True):
            assert email in open_tab(client, location)


def test_a_rejected_password_keeps_the_form_on_its_account(
    app: Flask, client: FlaskClient, people: None
) -> None:
    tabs = [open_tab(client, link) for link in reset_links(app, client)]

    again = send(client, "/password/reset/new", tabs[0], new_password="short")
    answer = send(client, "/password/reset/new", again.get_data(as_text=True), new_password=NEW[0])

    assert answer.status_code == 303
    assert may_sign_in(app, EMAILS[0], NEW[0])


def test_the_flow_id_hides_the_secret_and_works_in_no_other_browser(
    app: Flask, client: FlaskClient, people: None
) -> None:
    link = reset_links(app, client)[0]

    location = client.get(link).headers["Location"]
    page = open_tab(client, location)
    elsewhere = app.test_client().get(location)

    assert link.rpartition("/")[2] not in location + page
    assert elsewhere.status_code == 410
    assert EMAILS[0] not in elsewhere.get_data(as_text=True)


@both_orders
def test_a_code_verifies_the_address_its_form_shows(
    app: Flask, client: FlaskClient, order: tuple[int, int]
) -> None:
    tabs = []
    for email in EMAILS:
        answer = post(client, "/register", email=email, password=PASSWORD)
        tabs.append(open_tab(client, answer.headers["Location"]))

    this, other = order
    code = code_to(app, EMAILS[this])

    # Signing in ends the flow of the other tab.
    assert send(client, "/verify/email/code", tabs[this], code=code).status_code == 303
    assert account(app, EMAILS[this]).email_verified_at
    assert not account(app, EMAILS[other]).email_verified_at


@both_orders
def test_a_form_keeps_the_account_it_shows(
    app: Flask, client: FlaskClient, people: None, order: tuple[int, int]
) -> None:
    tabs = []
    for email in EMAILS:
        sign_in(client, email)
        post(client, "/account/delete", password=PASSWORD)
    for email in EMAILS:
        answer = post(client, "/login", email=email, password=PASSWORD)
        tabs.append(open_tab(client, answer.headers["Location"]))
    this, other = order

    kept = send(client, "/account/delete/keep", tabs[this])
    too_late = send(client, "/account/delete/keep", tabs[other])

    assert kept.headers["Location"] == "/account"
    assert EMAILS[this] in open_tab(client, "/account")
    assert account(app, EMAILS[this]).delete_at is None
    # Keeping an account signs in, which makes an earlier form useless.
    assert too_late.status_code == 400
    assert account(app, EMAILS[other]).delete_at


def test_any_tab_with_the_offer_can_keep_the_account(
    app: Flask, client: FlaskClient, people: None
) -> None:
    sign_in(client, EMAILS[0])
    post(client, "/account/delete", password=PASSWORD)
    tab, _ = (
        open_tab(client, post(client, "/login", email=EMAILS[0], password=PASSWORD).location)
        for _ in range(2)
    )

    send(client, "/account/delete/keep", tab)

    assert is_signed_in(client)


@both_orders
def test_an_address_can_be_changed_only_from_the_page_that_shows_it(
    app: Flask, client: FlaskClient, user: User, order: tuple[int, int]
) -> None:
    sign_in(client)
    tabs = {}
    for this in order:
        post(client, "/account/email", email=EMAILS[this])
        tabs[this] = open_tab(client, "/account/email")
    former, newest = order
    code = code_to(app, EMAILS[newest])

    assert is_out_of_date(send(client, "/account/email/code", tabs[former], code=code))
    assert account(app, user.email).id == user.id
    assert send(client, "/account/email/code", tabs[newest], code=code).status_code == 200
    assert account(app, EMAILS[newest]).id == user.id


def test_a_tab_that_shows_the_same_address_accepts_the_newest_code(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    post(client, "/account/email", email=EMAILS[0])
    tab = open_tab(client, "/account/email")
    post(client, "/account/email", email=EMAILS[0])

    code = code_to(app, EMAILS[0])

    assert send(client, "/account/email/code", tab, code=code).status_code == 200


def ask_for_text(client: FlaskClient, phone: str, path: str = "/verify/phone") -> str:
    assert post(client, path, region="GB", phone=phone).status_code == 303
    return open_tab(client, "/verify/phone/code")


@both_orders
def test_a_number_is_verified_from_the_page_that_shows_it(
    app: Flask,
    client: FlaskClient,
    user: User,
    order: tuple[int, int],
    move_time: Callable[..., object],
) -> None:
    sign_in(client)
    former, newest = (PHONES[this] for this in order)
    of_former = ask_for_text(client, former)
    with move_time(seconds=31):
        of_newest = ask_for_text(client, newest)
        code = code_to(app, newest)

        texts_again = send(client, "/verify/phone/code/again", of_former)
        entered = send(client, "/verify/phone/code", of_former, code=code)
        unchanged = account(app, user.email).phone
        send(client, "/verify/phone/code", of_newest, code=code)

    assert is_out_of_date(texts_again)
    assert is_out_of_date(entered)
    assert unchanged is None
    assert account(app, user.email).phone == newest


def test_a_number_is_removed_from_the_page_that_shows_it(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    code_page = ask_for_text(client, PHONES[0])
    send(client, "/verify/phone/code", code_page, code=code_to(app, PHONES[0]))
    tab = open_tab(client, "/account/phone/remove")
    with move_time(seconds=31):
        code_page = ask_for_text(client, PHONES[1], "/account/phone")
        send(client, "/verify/phone/code", code_page, code=code_to(app, PHONES[1]))

        answer = send(client, "/account/phone/remove", tab)

        assert is_out_of_date(answer)
        assert account(app, user.email).phone == PHONES[1]
        send(client, "/account/phone/remove", open_tab(client, "/account/phone/remove"))
        assert account(app, user.email).phone is None


@both_orders
@pytest.mark.parametrize(
    ("page", "path", "fields"),
    [
        ("/account/email", "/account/email", {"email": "new@example.org"}),
        ("/account/confirm", "/account/confirm", {"password": PASSWORD}),
        ("/account/delete", "/account/delete", {"password": PASSWORD}),
        (
            "/password/change",
            "/password/change",
            {"current_password": PASSWORD, "new_password": NEW[0]},
        ),
        ("/verify/phone", "/verify/phone", {"region": "GB", "phone": PHONES[0]}),
        ("/account/sessions", "/account/sessions", {"end": "everywhere"}),
        ("/account/data", "/account/data", {}),
    ],
)
def test_a_form_for_one_account_does_not_affect_another(
    app: Flask,
    client: FlaskClient,
    people: None,
    page: str,
    path: str,
    fields: dict[str, str],
    order: tuple[int, int],
) -> None:
    first, second = (EMAILS[this] for this in order)
    sign_in(client, first)
    tab = open_tab(client, page)
    post(client, "/logout", page="/account")
    sign_in(client, second)

    answer = send(client, path, tab, **fields)

    assert answer.status_code == 400
    assert is_signed_in(client)
    assert second in open_tab(client, "/account")
    assert may_sign_in(app, second, PASSWORD)
