"""Replacing an authenticator app, and attacks on it."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.delivery import outbox
from authapp.domain.factors import second_factors as factors
from authapp.domain.factors.authentication_methods import Factor
from authapp.errors import Conflict, InputRefused, NotFound
from authapp.models import Activity, RememberedDevice, User, db
from authapp.models.transaction import transaction
from authapp.services import activity, replace_app, second_factors
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import is_signed_in, post
from tests.support.second_factors import code_of, enroll, wrong_code

OVERVIEW = "/account/second-factors"
REPLACE = f"{OVERVIEW}/replace"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(SECOND_FACTOR="required")


@pytest.fixture
def old(app: Flask, user: User) -> str:
    """The secret of the app on the old phone."""
    with app.app_context():
        return enroll(user.id)[0]


@pytest.fixture
def owner(app: Flask, old: str) -> FlaskClient:
    client = app.test_client()
    assert send_code(client, old).status_code == 303
    return client


def send_code(client: FlaskClient, secret: str, **fields: str) -> TestResponse:
    """Sign in with the password and a code of an app."""
    enter = {"email": "somebody@example.org", "password": PASSWORD}
    address = post(client, "/login", **enter).headers["Location"]
    return post(client, address, code=code_of(secret), **fields)


def begin(client: FlaskClient) -> tuple[str, str]:
    """Begin to replace the app; return the address of the page, and the new secret."""
    begun = post(client, REPLACE, page=OVERVIEW)
    assert begun.status_code == 303
    address = begun.headers["Location"]
    return address, secret_on(client.get(address).get_data(as_text=True))


def secret_on(page: str) -> str:
    shown = re.search(r'id="secret"[^>]*>([\w ]+)<', page)
    assert shown
    return shown[1].replace(" ", "")


def mails(app: Flask) -> list[str]:
    with app.app_context():
        return [each.message for each in outbox.list_recent()]


def test_the_new_app_works_and_the_old_one_does_not(
    app: Flask, owner: FlaskClient, user: User, old: str, move_time: Callable[..., object]
) -> None:
    address, new = begin(owner)

    done = post(owner, address, code=code_of(new, steps=0))

    assert done.headers["Location"] == OVERVIEW
    page = owner.get(OVERVIEW).get_data(as_text=True)
    assert "Authenticator app replaced. The old one no longer works." in page
    assert mails(app).count("second_factor_replaced") == 1
    with app.app_context():
        assert second_factors.overview(user.id).codes_left == 10
        assert Activity.SECOND_FACTOR_REPLACED in {
            each.activity for each in activity.list_recent(user.id)
        }
    with move_time(minutes=2):
        assert send_code(app.test_client(), old).status_code == 422
        assert send_code(app.test_client(), new).status_code == 303


def test_recovery_codes_stay(app: Flask, user: User) -> None:
    with app.app_context():
        _, codes = enroll(user.id)
        value = replace_app.begin(user.id)
        secret = replace_app.get_enrollment(user.id, value).secret
        replace_app.confirm(user.id, value, code_of(secret), client=HERE)

        assert factors.check(user.id, codes[0]).factor is Factor.RECOVERY_CODE


def test_the_old_app_works_until_a_code_of_the_new_one_is_entered(
    app: Flask, owner: FlaskClient, old: str, move_time: Callable[..., object]
) -> None:
    address, new = begin(owner)

    wrong = post(owner, address, code=wrong_code(new))
    of_old = post(owner, address, code=code_of(old, steps=0))

    assert [wrong.status_code, of_old.status_code] == [422, 422]
    assert secret_on(wrong.get_data(as_text=True)) == new
    assert "second_factor_replaced" not in mails(app)
    with move_time(minutes=2):
        assert send_code(app.test_client(), old).status_code == 303


def test_a_code_of_the_step_in_which_the_old_app_was_used_is_accepted(
    owner: FlaskClient,
) -> None:
    # Both apps know the time, and the owner has just signed in with the old one.
    address, new = begin(owner)

    assert post(owner, address, code=code_of(new)).status_code == 303


def test_a_code_works_once_with_the_new_app_too(app: Flask, owner: FlaskClient) -> None:
    address, new = begin(owner)
    post(owner, address, code=code_of(new))

    refused = send_code(app.test_client(), new)

    assert refused.status_code == 422
    assert "already used" in refused.get_data(as_text=True)


def test_a_code_that_was_checked_before_does_not_outlive_its_app(
    app: Flask, user: User, old: str
) -> None:
    with app.app_context():
        proof = factors.check(user.id, code_of(old))
        value = replace_app.begin(user.id)
        new = replace_app.get_enrollment(user.id, value).secret
        replace_app.confirm(user.id, value, code_of(new, steps=0), client=HERE)

        with pytest.raises(InputRefused), transaction():
            factors.claim(proof)


def test_an_old_session_confirms_first_and_continues_with_the_same_secret(
    owner: FlaskClient, move_time: Callable[..., object]
) -> None:
    address, new = begin(owner)

    with move_time(minutes=16):
        asked = owner.get(address)
        assert asked.headers["Location"].startswith("/account/confirm?next=")
        back = post(owner, asked.headers["Location"], password=PASSWORD).headers["Location"]
        assert secret_on(owner.get(back).get_data(as_text=True)) == new
        assert post(owner, back, code=code_of(new)).headers["Location"] == OVERVIEW


def test_a_stolen_session_cannot_replace_the_app_without_confirming(
    app: Flask, owner: FlaskClient, move_time: Callable[..., object]
) -> None:
    address, new = begin(owner)
    page = owner.get(address).get_data(as_text=True)
    fields = dict(re.findall(r'name="(csrf_token|flow)"[^>]*value="([^"]+)"', page))

    with move_time(minutes=16):
        answer = owner.post(address, data={**fields, "code": code_of(new)})
        begun = owner.post(REPLACE, data=fields)

    assert answer.headers["Location"].startswith("/account/confirm")
    assert begun.headers["Location"].startswith("/account/confirm")
    assert "second_factor_replaced" not in mails(app)


def test_remembered_devices_are_forgotten(app: Flask, old: str) -> None:
    client = app.test_client()
    send_code(client, old, remember_device="y")
    address, new = begin(client)

    post(client, address, code=code_of(new))

    with app.app_context():
        assert db.session.query(RememberedDevice).count() == 0
    assert is_signed_in(client)


def test_the_page_of_another_tab_does_nothing_once_the_app_was_replaced(
    app: Flask, owner: FlaskClient
) -> None:
    (first, old_tab), (second, new) = begin(owner), begin(owner)
    assert first != second
    page = owner.get(first).get_data(as_text=True)
    post(owner, second, code=code_of(new))

    fields = dict(re.findall(r'name="(csrf_token|flow)"[^>]*value="([^"]+)"', page))
    late = owner.post(first, data={**fields, "code": code_of(old_tab)})

    assert late.headers["Location"] == OVERVIEW
    assert owner.get(first).headers["Location"] == OVERVIEW
    assert mails(app).count("second_factor_replaced") == 1


def test_of_simultaneous_replacements_one_wins(app: Flask, user: User, old: str) -> None:
    with app.app_context():
        value = replace_app.begin(user.id)
        code = code_of(replace_app.get_enrollment(user.id, value).secret)
    ready = Barrier(3)

    def replace_once(_: int) -> bool:
        with app.app_context():
            ready.wait()
            try:
                replace_app.confirm(user.id, value, code, client=HERE)
            except Conflict:
                return False
            return True

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(replace_once, range(3))) == 1
    assert mails(app).count("second_factor_replaced") == 1


def test_what_was_begun_for_one_account_does_not_replace_the_app_of_another(
    app: Flask, user: User, old: str
) -> None:
    with app.app_context():
        other = add_user("other@example.org")
        enroll(other.id)
        value = replace_app.begin(user.id)
        code = code_of(replace_app.get_enrollment(user.id, value).secret)

        with pytest.raises(Conflict):
            replace_app.confirm(other.id, value, code, client=HERE)


def test_without_an_app_there_is_nothing_to_replace(app: Flask, user: User) -> None:
    with app.app_context():
        for prepare in (lambda: None, lambda: second_factors.begin(user.id)):
            prepare()
            with pytest.raises(NotFound):
                replace_app.begin(user.id)


def test_an_app_cannot_be_replaced_where_none_is_offered(
    app: Flask, old: str, make_app: Callable[..., Flask]
) -> None:
    client = make_app(SECOND_FACTOR="off", SECOND_FACTOR_ROLES="none").test_client()
    send_code(client, old)

    page = client.get(OVERVIEW).get_data(as_text=True)

    assert "Turn off" in page
    assert REPLACE not in page
    begun = post(client, REPLACE, page="/account/delete")
    assert begun.headers["Location"] == OVERVIEW
