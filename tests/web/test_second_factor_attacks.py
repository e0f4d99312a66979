"""Attacks on second factors by someone with the password, a stolen session, or an own account.

The tests of each factor have the attacks on its codes and answers: used again, of another account,
from another site or browser, with a counter that went back.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from authapp.delivery import outbox
from authapp.domain.factors import second_factors as factors
from authapp.errors import InputRefused
from authapp.models import Activity, RefreshToken, User, db
from authapp.models.transaction import transaction
from authapp.services import activity, second_factors
from authapp.web.access import Access, rule_of
from tests.api.calling import without_cookies
from tests.support.accounts import PASSWORD, add_user
from tests.support.applications import introduce_redis
from tests.support.browsing import cookie, hidden, is_signed_in, post, sign_in
from tests.support.passkeys import SITE, Authenticator, creation_options, sign_in_with
from tests.support.passkeys import enroll as enroll_passkey
from tests.support.second_factors import code_of, enroll

Move = Callable[..., object]

TRIES: Final = 4


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application at a domain, because passkeys do not work at an IP address."""
    app = make_app(PUBLIC_URL=SITE)
    introduce_redis(app)
    return app


@pytest.fixture
def half_signed_in(app: Flask, user: User) -> FlaskClient:
    """A browser in which only the password of an account with an app was entered."""
    with app.app_context():
        enroll(user.id)
    client = app.test_client()
    assert enter_password(client).startswith("/login/code?flow=")
    return client


@pytest.fixture
def stolen(app: Flask, user: User) -> FlaskClient:
    """A browser with the cookies of a session that began in another one."""
    owner, thief = app.test_client(), app.test_client()
    sign_in(owner)
    for name in ("access_token", "refresh_token", "session"):
        thief.set_cookie(name, cookie(owner, name))
    return thief


def enter_password(client: FlaskClient) -> str:
    enter = {"email": "somebody@example.org", "password": PASSWORD}
    return str(post(client, "/login", **enter).headers["Location"])


def protected(app: Flask) -> Iterator[tuple[Rule, str]]:
    """Yield each page that is not for everybody, with each of its methods."""
    with app.app_context():
        for rule in app.url_map.iter_rules():
            access = rule_of(rule.endpoint)
            if access is not None and Access.SIGNED_IN in access:
                yield from ((rule, method) for method in (rule.methods or set()) & {"GET", "POST"})


def test_the_password_alone_opens_no_page_of_the_account(
    app: Flask, half_signed_in: FlaskClient
) -> None:
    fields = hidden(half_signed_in.get("/login").get_data(as_text=True))
    pages = list(protected(app))

    answers = {
        f"{method} {rule.rule}": half_signed_in.open(
            re.sub("<[^>]+>", str(uuid4()), rule.rule), method=method, data=fields
        )
        for rule, method in pages
    }

    assert len(answers) > 50
    opened = {
        name
        for name, answer in answers.items()
        if not answer.headers.get("Location", "").startswith("/login")
    }
    assert opened == set()
    with app.app_context():
        assert db.session.query(RefreshToken).count() == 0


def test_the_password_alone_opens_no_operation(app: Flask, half_signed_in: FlaskClient) -> None:
    """Neither do the cookies of its browser, which operations never accept."""
    operations = [
        (rule, method)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    document = app.test_client().get("/api/openapi.json").get_json()

    for rule, method in operations:
        path = rule.rule.replace("<uuid:id>", "{id}")
        if not document["paths"][path][method.lower()]["security"]:
            continue
        url = re.sub("<[^>]+>", str(uuid4()), rule.rule)
        assert half_signed_in.open(url, method=method, json={}).status_code == 401, rule


def test_a_stolen_session_adds_no_factor_without_confirming(
    app: Flask, user: User, stolen: FlaskClient, move_time: Move
) -> None:
    answer = Authenticator().create(creation_options(stolen))
    fields = hidden(stolen.get("/account/passkeys/new").get_data(as_text=True))
    paths = ["", "/app", "/replace", "/replace/app", "/recovery-codes", "/remove"]
    with app.app_context():
        second_factors.begin(user.id)
        secret = second_factors.get_enrollment(user.id).secret

    with move_time(minutes=16):
        sent = {**fields, "code": code_of(secret), "passkey": answer}
        answers = [
            stolen.post(path, data=sent)
            for path in (
                *(f"/account/second-factors{path}" for path in paths),
                "/account/passkeys/new",
                "/account/passkeys/options",
            )
        ]

    assert {each.headers["Location"].partition("?")[0] for each in answers} == {"/account/confirm"}
    with app.app_context():
        assert not factors.is_enrolled(user.id)


def test_the_owner_is_told_of_a_factor_that_a_stolen_session_adds(
    app: Flask, user: User, stolen: FlaskClient
) -> None:
    """Right after the owner signed in, it need not confirm; the email has a way to undo it."""
    enroll_passkey(stolen)

    with app.app_context():
        mail = next(each for each in outbox.list_recent() if each.message == "passkey_added")
        noted = {each.activity for each in activity.list_recent(user.id)}
    assert mail.recipient == user.email
    assert "/not-me/" in mail.body
    assert Activity.PASSKEY_ADDED in noted


@pytest.mark.parametrize("kind", ["app", "recovery code"])
def test_of_simultaneous_requests_with_one_code_one_succeeds(
    app: Flask, user: User, kind: str
) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    code = code_of(secret) if kind == "app" else codes[0]
    ready = Barrier(TRIES)

    def use_once(_: int) -> bool:
        with app.app_context():
            try:
                proof = factors.check(user.id, code)
                ready.wait()
                with transaction():
                    factors.claim(proof)
            except InputRefused:
                return False
            return True

    with ThreadPoolExecutor(TRIES) as pool:
        assert sum(pool.map(use_once, range(TRIES))) == 1


def test_an_account_with_a_passkey_cannot_be_entered_with_less(app: Flask, user: User) -> None:
    """Neither the password nor the mailbox replaces it, on pages and for programs."""
    owner, thief = app.test_client(), app.test_client()
    sign_in(owner)
    enroll_passkey(owner)

    address = enter_password(thief)
    answer = without_cookies(app).post(
        "/api/v1/login", json={"email": user.email, "password": PASSWORD}
    )
    no_app = post(thief, address.replace("/second-step", "/code"), code="123456")

    assert address.startswith("/login/second-step?flow=")
    assert answer.get_json()["type"] == "urn:authapp:problem:second-factor-required"
    assert no_app.status_code == 422
    assert not is_signed_in(thief)


def test_an_attackers_passkey_does_not_sign_in_to_the_account_that_it_names(
    app: Flask, user: User
) -> None:
    owner, thief = app.test_client(), app.test_client()
    sign_in(owner)
    theirs = enroll_passkey(owner)
    with app.app_context():
        add_user("thief@example.org")
    sign_in(thief, "thief@example.org")
    device = enroll_passkey(thief)
    device.user_handle = theirs.user_handle
    elsewhere = app.test_client()

    refused = sign_in_with(elsewhere, device)

    assert refused.status_code == 422
    assert not is_signed_in(elsewhere)
