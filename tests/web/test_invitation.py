"""Invitations: the link sets the password and signs in, once, for its recipient only."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.errors import Conflict, NotAllowed
from authapp.models import Activity, User, db
from authapp.services import activity, delete_account, invitations, users, verify_email
from authapp.token_cache import token_cache
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.applications import answer_requests
from tests.support.browsing import hidden, is_signed_in, post, sign_in

EMAIL: Final = "invited@example.org"


def invite(app: Flask, **options: object) -> str:
    """Invite someone, and return the path of the link."""
    with app.app_context():
        invitations.invite(EMAIL, **options)  # type: ignore[arg-type]
    return newest_link(app)


def newest_link(app: Flask) -> str:
    with app.app_context():
        body = next(each.body for each in outbox.list_recent() if each.message == "invitation")
    return re.search(r"http://[^/]+(/invitation/\S+)", body)[1]  # type: ignore[index]


def accept(client: FlaskClient, link: str, password: str = PASSWORD) -> object:
    page = client.get(link).headers["Location"]
    return post(client, "/invitation", page, new_password=password)


def user_of(app: Flask) -> User:
    with app.app_context():
        return users.find(EMAIL)


def test_the_link_signs_in_once_and_is_in_the_activity(app: Flask, client: FlaskClient) -> None:
    link = invite(app)
    client.get(link)
    assert user_of(app).email_verified_at is None

    done = accept(client, link)
    again = client.get(link, follow_redirects=True)

    assert done.headers["Location"] == "/account"
    assert is_signed_in(client)
    assert user_of(app).email_verified_at is not None
    assert again.status_code == 410
    assert "This link was already used" in again.get_data(as_text=True)
    with app.app_context():
        noted = {each.activity for each in activity.list_recent(user_of(app).id)}
    assert noted == {Activity.SIGNED_IN, Activity.INVITATION_ACCEPTED, Activity.INVITED}


def test_an_unacceptable_password_does_not_consume_the_link(
    app: Flask, client: FlaskClient
) -> None:
    link = invite(app)

    for refused in ("", "short", "invited@example.org"):
        assert accept(client, link, refused).status_code == 422
    assert not is_signed_in(client)

    accept(client, link)
    assert is_signed_in(client)


def test_of_several_acceptances_one_wins(app: Flask) -> None:
    link = invite(app)

    clients = [app.test_client() for _ in range(4)]
    forms = [hidden(each.get(link, follow_redirects=True).text) for each in clients]

    def send(client: FlaskClient, form: dict[str, str]) -> int:
        return client.post("/invitation", data={**form, "new_password": PASSWORD}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(send, clients, forms))

    assert statuses == [303, 410, 410, 410]


def test_a_newer_invitation_replaces_the_earlier_one(app: Flask, client: FlaskClient) -> None:
    link = invite(app)
    with app.app_context():
        invitations.invite_again(users.find(EMAIL).id)

    assert client.get(link, follow_redirects=True).status_code == 410
    assert newest_link(app) != link
    accept(client, newest_link(app))
    assert is_signed_in(client)


def test_a_deleted_or_disabled_account_revokes_its_invitation(
    app: Flask, client: FlaskClient
) -> None:
    links = []
    for end in (users.disable, delete_account.delete):
        links.append(invite(app))
        with app.app_context():
            end(users.find(EMAIL).id)

    assert [client.get(each, follow_redirects=True).status_code for each in links] == [410, 410]


def test_whoever_registers_first_keeps_the_address(app: Flask, client: FlaskClient) -> None:
    """An invitation takes no address away from an account that verified it in the meantime."""
    link = invite(app)
    with app.app_context():
        add_user(EMAIL)

    refused = accept(client, link)

    assert refused.status_code == 410
    assert not is_signed_in(client)
    sign_in(client, EMAIL)


def test_a_stranger_who_registers_the_address_gets_no_invitation(
    app: Flask, client: FlaskClient
) -> None:
    """The stranger's account is newer, has the stranger's password, and has none of the roles."""
    invite(app, given=["support"])
    invited = user_of(app)
    post(app.test_client(), "/register", email=EMAIL, password="a stranger's long password")
    with app.app_context():
        [strangers] = db.session.scalars(db.select(User.id).where(User.id != invited.id))

        invitations.invite_again(users.find(EMAIL).id)
        with pytest.raises(Conflict, match="without an invitation"):
            invitations.invite_again(strangers)
    accept(client, newest_link(app))

    assert client.get("/auth/check").headers["X-Auth-Roles"] == "support"
    assert user_of(app).id == invited.id


def test_a_reset_by_the_recipient_ends_the_invitation(app: Flask, client: FlaskClient) -> None:
    link = invite(app, given=["support"])
    post(app.test_client(), "/register", email=EMAIL, password="a stranger's long password")
    post(client, "/password/reset", email=EMAIL)
    answer_requests(app)
    with app.app_context():
        body = next(each.body for each in outbox.list_recent() if each.message == "password_reset")
    reset = re.search(r"http://[^/]+(/password/reset/\S+)", body)
    client.get(reset[1])  # type: ignore[index]
    assert post(client, "/password/reset/new", new_password=PASSWORD).status_code == 303

    refused = client.get(link, follow_redirects=True)

    assert user_of(app).roles == "support"
    assert refused.status_code == 410
    assert "This invitation no longer works" in refused.get_data(as_text=True)


def test_acceptance_revokes_the_links_that_could_verify_the_address(
    app: Flask, client: FlaskClient
) -> None:
    link = invite(app)
    with app.app_context():
        user_id = users.find(EMAIL).id
        verify_email.send_again(user_id, browser="x" * 43, client=HERE)
        verify_email.answer_requests()
        assert token_cache.get_verification_tokens_by_user(user_id, verify_email.TYPE)

    accept(client, link)

    assert is_signed_in(client)
    with app.app_context():
        assert not token_cache.get_verification_tokens_by_user(user_id, verify_email.TYPE)


def test_a_second_factor_is_set_up_before_the_first_session(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(SECOND_FACTOR_ROLES="admin")
    client = app.test_client()

    done = accept(client, invite(app, given=["admin"]))

    assert done.headers["Location"].startswith("/login/enroll?flow=")
    assert not is_signed_in(client)
    with app.app_context():
        assert db.session.get_one(User, user_of(app).id).email_verified_at is not None


@pytest.mark.usefixtures("context")
def test_a_verified_or_disabled_account_is_not_invited_again(user: User) -> None:
    waiting = invitations.invite(EMAIL)
    users.disable(waiting)

    for user_id, why in ((user.id, "is verified"), (waiting, "enable it first")):
        with pytest.raises(Conflict, match=why):
            invitations.invite_again(user_id)


def test_an_invitation_is_valid_but_not_sent_again_once_registration_is_closed(
    app: Flask, make_app: Callable[..., Flask]
) -> None:
    link = invite(app)
    closed = make_app(REGISTRATION="closed")
    client = closed.test_client()

    with closed.app_context(), pytest.raises(NotAllowed):
        invitations.invite_again(user_of(app).id)
    accept(client, link)

    assert is_signed_in(client)


def test_no_one_is_invited_where_registration_is_closed(make_app: Callable[..., Flask]) -> None:
    with make_app(REGISTRATION="closed").app_context(), pytest.raises(NotAllowed):
        invitations.invite(EMAIL)
