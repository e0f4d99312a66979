"""Changing the password, which requires the current one."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain.api_tokens import check
from authapp.errors import TokenRevoked
from authapp.models import Activity, RevokeReason, Scope, User
from authapp.services import activity, api_tokens, password_reset
from tests.support.accounts import HERE, PASSWORD
from tests.support.browsing import cookie, hidden, is_signed_in, post, sign_in

NEW = "five entirely different words here"


def change(client: FlaskClient, current: str = PASSWORD, new: str = NEW, **fields: str):
    return post(client, "/password/change", current_password=current, new_password=new, **fields)


def add_token(app: Flask, user: User, name: str = "backup") -> str:
    with app.app_context():
        return api_tokens.create(
            user.id, name=name, scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
        ).value


def test_the_new_password_signs_in_and_the_old_one_does_not(
    client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert change(client).headers["Location"] == "/account"

    assert "has been changed" in client.get("/account").get_data(as_text=True)
    elsewhere = client.application.test_client()
    assert post(elsewhere, "/login", email=user.email, password=PASSWORD).status_code == 422
    assert post(elsewhere, "/login", email=user.email, password=NEW).status_code == 303


@pytest.mark.parametrize(("fields", "stays"), [({"end_others": "y"}, False), ({}, True)])
def test_other_devices_are_signed_out_unless_the_user_keeps_them(
    client: FlaskClient, make_app: Callable[..., Flask], user: User, fields, stays: bool
) -> None:
    elsewhere = make_app().test_client()
    sign_in(elsewhere, remember="y")
    sign_in(client)

    change(client, **fields)

    assert is_signed_in(client)
    assert is_signed_in(elsewhere) == stays


def test_signing_out_other_devices_is_preselected(client: FlaskClient, user: User) -> None:
    sign_in(client)

    page = client.get("/password/change").get_data(as_text=True)

    assert 'checked id="end_others"' in page


def test_the_session_is_replaced(client: FlaskClient, user: User) -> None:
    sign_in(client)
    before = cookie(client, "access_token"), cookie(client, "refresh_token")

    change(client)
    after = cookie(client, "access_token"), cookie(client, "refresh_token")

    assert before[1].split(".")[0] != after[1].split(".")[0]
    copy = client.application.test_client()
    copy.set_cookie("access_token", before[0])
    copy.set_cookie("refresh_token", before[1])
    assert not is_signed_in(copy)


def test_a_wrong_password_changes_nothing(client: FlaskClient, user: User) -> None:
    sign_in(client)

    answer = change(client, "not the password")

    assert answer.status_code == 422
    assert "password is incorrect" in answer.get_data(as_text=True)
    assert post(client.application.test_client(), "/login", email=user.email,
                password=PASSWORD).status_code == 303  # fmt: skip


@pytest.mark.parametrize(
    ("new", "told"), [("short", "at least 15"), ("somebody@example.org", "easy to guess"),
                      (PASSWORD, "different from your current"), ("", "Enter a password")],
)  # fmt: skip
def test_a_rejected_new_password_is_reported_next_to_its_field(
    client: FlaskClient, user: User, new: str, told: str
) -> None:
    sign_in(client)

    answer = change(client, new=new)

    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert post(client.application.test_client(), "/login", email=user.email,
                password=PASSWORD).status_code == 303  # fmt: skip


def test_a_change_sends_an_email_is_recorded_and_voids_links(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.test_request_context():
        post(client, "/password/reset", email=user.email)
        password_reset.answer_requests()
        (asked, *_) = outbox.list_recent()
    link = asked.body.split("/password/reset/")[1].split()[0]

    change(client)

    client.get(f"/password/reset/{link}")
    assert client.get("/password/reset/new").status_code == 410
    with app.app_context():
        assert "was changed" in outbox.list_recent()[0].subject
        assert activity.list_recent(user.id)[0].activity == Activity.PASSWORD_CHANGED


def test_submitting_twice_does_no_harm(client: FlaskClient, user: User) -> None:
    sign_in(client)
    change(client)

    assert change(client).status_code == 422
    assert is_signed_in(client)


def test_the_page_offers_to_revoke_api_tokens_by_name(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    assert 'id="revoke_tokens"' not in client.get("/password/change").get_data(as_text=True)
    add_token(app, user, name="Nightly backup")

    page = client.get("/password/change").get_data(as_text=True)

    assert re.search(r'<input[^>]*checked[^>]*id="revoke_tokens"', page)
    assert "Nightly backup" in page


@pytest.mark.parametrize(("fields", "works"), [({"revoke_tokens": "y"}, False), ({}, True)])
def test_api_tokens_are_revoked_unless_the_user_keeps_them(
    app: Flask, client: FlaskClient, user: User, fields: dict[str, str], works: bool
) -> None:
    sign_in(client)
    value = add_token(app, user)

    change(client, **fields)

    with app.app_context():
        body = outbox.list_recent()[0].body
        assert ("Your API tokens still work." in body) is works
        assert ("Your API tokens were revoked." in body) is not works
        if works:
            assert check(value)
        else:
            with pytest.raises(TokenRevoked) as refusal:
                check(value)
            assert refusal.value.reason == RevokeReason.PASSWORD_CHANGED


def test_a_token_created_after_the_page_was_opened_is_revoked(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    fields = hidden(client.get("/password/change").get_data(as_text=True))
    value = add_token(app, user)

    client.post(
        "/password/change",
        data={**fields, "current_password": PASSWORD, "new_password": NEW},
    )

    with app.app_context(), pytest.raises(TokenRevoked):
        check(value)
