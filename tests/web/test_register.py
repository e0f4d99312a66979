"""The registration page, which does the same for every address until its mailbox confirms it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import clock
from authapp.delivery import outbox
from authapp.models import User, VerificationRequest, db
from authapp.services import invitations, verify_email
from tests.support.accounts import PASSWORD, add_user
from tests.support.applications import answer_requests
from tests.support.browsing import hidden, is_signed_in, post, sign_in, without_form_tokens
from tests.support.costs import measured
from tests.support.mail import MailServer

CHOSEN = "a password that the visitor chose"

STATES = ["existing", "registered", "invited", "disabled", "frozen", "closed"]
"""States of an address, each compared with one that nobody has used."""

BY_MAILBOX = 6
"""LIMIT_MAIL_BY_MAILBOX."""


def test_all_errors_are_reported_at_once(client: FlaskClient) -> None:
    page = post(client, "/register", email="nonsense", password="short").get_data(as_text=True)

    assert "Enter an email address in the format" in page
    assert "Use at least 15 characters." in page


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_owners_of_similar_domains_have_separate_accounts(app: Flask) -> None:
    addresses = ["u@straße.example", "u@strasse.example"]
    with app.app_context():
        for address in addresses:
            add_user(address)

    for address in addresses:
        client = app.test_client()
        sign_in(client, address)
        assert f" {address}\n" in client.get("/account").get_data(as_text=True)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "typed", ["name@bücher.example", "NAME@BÜCHER.EXAMPLE", "name@xn--bcher-kva.example"]
)
def test_an_address_in_any_spelling_signs_in(app: Flask, client: FlaskClient, typed: str) -> None:
    with app.app_context():
        add_user("Name@bücher.example")

    sign_in(client, typed)


def test_mails_to_one_address_are_limited_silently(app: Flask, user: User) -> None:
    pages = []
    for number in range(BY_MAILBOX + 2):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        answer = post(client, "/register", email=user.email, password=PASSWORD)
        pages.append((answer.status_code, urlsplit(answer.headers["Location"]).path))

    answer_requests(app)
    with app.app_context():
        told = [mail for mail in outbox.list_recent() if mail.message == "address_exists"]
    assert len(told) == BY_MAILBOX
    assert len(set(pages)) == 1


@dataclass
class Step:
    """What one request showed, and which statements it ran."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    statements: list[str]


@pytest.fixture
def use(app: Flask) -> Callable[[str, str], None]:
    """Bring an address into a state."""

    def bring(state: str, email: str) -> None:
        with app.app_context():
            if state == "invited":
                invitations.invite(email)
            elif state == "registered":
                post(app.test_client(), "/register", email=email, password="not what they choose")
                answer_requests(app)
            elif state != "absent":
                account = db.session.get_one(User, add_user(email).id)
                column = {"disabled": "disabled_at", "frozen": "frozen_at", "closed": "delete_at"}
                if state in column:
                    setattr(account, column[state], clock.now())
                db.session.commit()

    return bring


def walk(app: Flask, email: str) -> list[Step]:
    """Do everything that a visitor can do with an address whose mailbox they cannot read."""
    client = app.test_client()
    credentials = {"email": email, "password": CHOSEN}
    steps: list[Step] = []

    def take(call: Callable[[], TestResponse]) -> TestResponse:
        with measured() as cost:
            answer = call()
        steps.append(step_of(answer, email, cost.statements))
        return answer

    def send(path: str, page: str, **fields: str) -> TestResponse:
        values = {**hidden(client.get(page).get_data(as_text=True)), **fields}
        return take(lambda: client.post(path, data=values))

    for _ in range(2):
        sent = send("/register", "/register", **credentials).location
        take(lambda at=sent: client.get(at))
        send("/login", "/login", **credentials)
        answer_requests(app)
        send("/verify/email/code", sent, code="123456")
        send("/verify/email", sent)
        take(lambda at=sent: client.get(at))
        send("/verify/email", sent)
        send("/login", "/login", **credentials)
        take(lambda: client.post("/api/v1/login", json=credentials))
        send("/password/reset", "/password/reset", email=email)
        answer_requests(app)
    return steps


def step_of(answer: TestResponse, email: str, statements: list[str]) -> Step:
    """Describe a response without what differs between any two of them."""
    body = without_form_tokens(answer.get_data(as_text=True)).replace(email, "ADDRESS")
    for varying in (r'(name="flow" value=")\w+', r"(\?flow(?:=|%3D))\w+", r"()\d+ (?=seconds)"):
        body = re.sub(varying, r"\1", body)
    headers = [
        (name, re.sub(r"(flow=|session=)[^;]+", r"\1", value))
        for name, value in answer.headers
        if name != "X-Request-ID"
    ]
    return Step(answer.status_code, headers, body, statements)


@pytest.mark.parametrize("state", STATES)
def test_nothing_shows_whether_an_address_is_in_use(
    app: Flask, use: Callable[[str, str], None], state: str
) -> None:
    known, unknown = "aaaa.used@example.org", "free.aaaa@example.org"
    use(state, known)
    # From its first sign-in, the process remembers the signing keys.
    first = {"email": "first@example.org", "password": CHOSEN}
    app.test_client().post("/api/v1/login", json=first)

    for one, other in zip(walk(app, known), walk(app, unknown), strict=True):
        assert one.status == other.status
        assert one.headers == other.headers
        assert one.body == other.body
        assert one.statements == other.statements


def test_the_request_looks_for_no_account(app: Flask, client: FlaskClient) -> None:
    with measured() as cost:
        post(client, "/register", email="new@example.org", password=PASSWORD)

    assert not [each for each in cost.statements if re.search("SELECT .* FROM users", each)]


def test_only_the_mailbox_learns_that_an_address_has_an_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    for email in (user.email.upper(), "new@example.org"):
        post(client, "/register", email=email, password=PASSWORD)
    answer_requests(app)

    with app.app_context():
        sent = {mail.recipient: mail.message for mail in outbox.list_recent()}
        assert db.session.scalars(db.select(VerificationRequest)).all() == []
    assert sent == {user.email: "address_exists", "new@example.org": "verify_email"}


def test_a_password_cannot_be_used_before_the_address_is_verified(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)
    answer_requests(app)

    answer = post(client, "/login", email="new@example.org", password=PASSWORD)

    assert answer.status_code == 422
    assert "Incorrect email address or password." in answer.get_data(as_text=True)


def test_an_account_cannot_be_prepared_for_the_owner_of_an_address(
    app: Flask, client: FlaskClient
) -> None:
    email, attacker = "new@example.org", app.test_client()
    post(attacker, "/register", email=email, password="the password of an attacker")
    post(client, "/register", email=email, password=PASSWORD)
    answer_requests(app)
    with app.app_context():
        links = [re.findall(r"/verify/email/\S+", mail.body)[0] for mail in outbox.list_recent()]

    pressed = [post(client, link).status_code for link in links]

    assert sorted(pressed) == [303, 422]
    assert is_signed_in(client)
    sign_in(app.test_client(), email)


def test_concurrent_workers_answer_a_request_once(app: Flask, client: FlaskClient) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)

    def work(_: int) -> int:
        with app.app_context():
            return verify_email.answer_requests()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 1
    with app.app_context():
        assert [mail.message for mail in outbox.list_recent()] == ["verify_email"]


def test_the_outbox_worker_answers_registrations(
    mailing_app: Flask, mail_server: MailServer
) -> None:
    post(mailing_app.test_client(), "/register", email="new@example.org", password=PASSWORD)

    ended = mailing_app.test_cli_runner().invoke(args=["outbox", "run", "--once"])

    assert ended.exit_code == 0
    assert [mail["To"] for mail in mail_server.messages] == ["new@example.org"]
