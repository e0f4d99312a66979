"""The operators' page that invites a person."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery.sealing import open_message
from authapp.models import AuditEntry, OutboxMessage, User, db
from tests.support.accounts import PASSWORD
from tests.support.admins import sign_in_administrator
from tests.support.audit import audited
from tests.support.browsing import is_signed_in, post, sign_in

PAGE = "/admin/users/invite"
NEW = "new@example.org"


@pytest.fixture
def admin_id(app: Flask, client: FlaskClient) -> str:
    """The account of the administrator as whom the client is signed in."""
    return sign_in_administrator(app, client)


def links_to(app: Flask, email: str) -> list[str]:
    """Return the paths of the links in the invitations to an address, the oldest first."""
    with app.app_context():
        sent = db.session.scalars(
            db.select(OutboxMessage)
            .filter_by(message="invitation", recipient=email)
            .order_by(OutboxMessage.created_at)
        )
        bodies = [open_message(message).body for message in sent]
    return [re.findall(r"http://[^/]+(/invitation/\S+)", body)[0] for body in bodies]


def test_the_invited_person_chooses_a_password_and_is_signed_in(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    answer = post(client, PAGE, email=NEW, language="de")

    account = client.get(answer.headers["Location"]).get_data(as_text=True)
    assert "The invitation will be emailed within a few seconds." in account
    invited = app.test_client()
    (link,) = links_to(app, NEW)
    page = invited.get(link).headers["Location"]
    post(invited, "/invitation", page, new_password=PASSWORD)
    assert is_signed_in(invited)
    with app.app_context():
        person = db.session.scalars(db.select(User).filter_by(email=NEW)).one()
        assert (person.language, person.roles) == ("de", "")


def test_an_invitation_is_recorded_as_the_administrators_act(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    post(client, PAGE, email=NEW, language="en")

    with app.app_context():
        assert audited()[-2:] == [
            (f"admin:{admin_id}", "command"),
            (f"admin:{admin_id}", "invited"),
        ]
        command = db.session.scalars(db.select(AuditEntry).filter_by(action="command")).one()
        assert command.details == {"command": "admin invite"}


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("somebody@example.org", "This address already has an account."),
        ("nonsense", "Enter an email address in the format name@example.org."),
        ("", "Enter your email address."),
    ],
    ids=["taken", "malformed", "empty"],
)
def test_a_refused_address_is_explained_and_nothing_is_sent(
    app: Flask, client: FlaskClient, user: User, admin_id: str, email: str, told: str
) -> None:
    answer = post(client, PAGE, email=email, language="en")

    assert answer.status_code == 422
    assert told in answer.get_data(as_text=True)
    assert links_to(app, email) == []


def test_a_refused_invitation_is_on_record(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    post(client, PAGE, email=user.email, language="en")

    with app.app_context():
        assert audited()[-1] == (f"admin:{admin_id}", "command_failed")


def test_a_language_that_is_not_offered_is_refused(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    assert post(client, PAGE, email=NEW, language="xx").status_code == 422
    assert links_to(app, NEW) == []


def test_others_can_neither_see_the_page_nor_invite(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    assert client.get(PAGE).status_code == 404
    assert post(client, PAGE, page="/account", email=NEW, language="en").status_code == 404
    assert links_to(app, NEW) == []


def test_what_was_entered_is_kept_while_the_administrator_confirms(
    app: Flask, client: FlaskClient, admin_id: str, move_time: Callable
) -> None:
    client.get(PAGE)

    with move_time(minutes=16):
        asked = post(client, PAGE, page="/account", email=NEW, language="fr")
        assert asked.headers["Location"].startswith("/account/confirm?next=")
        assert links_to(app, NEW) == []
        back = post(client, asked.headers["Location"], password=PASSWORD)
        page = client.get(back.headers["Location"]).get_data(as_text=True)

    assert back.headers["Location"] == PAGE
    assert f'value="{NEW}"' in page
    assert re.search(r'<option selected value="fr">', page)


def test_while_registration_is_closed_no_one_is_invited(make_app: Callable[..., Flask]) -> None:
    app = make_app(REGISTRATION="closed")
    client = app.test_client()
    sign_in_administrator(app, client)

    assert PAGE not in client.get("/admin/users").get_data(as_text=True)
    assert client.get(PAGE).status_code == 403
    assert post(client, PAGE, page="/account", email=NEW, language="en").status_code == 403


def test_an_invitation_is_sent_again_until_it_is_accepted(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    account = post(client, PAGE, email=NEW, language="en").headers["Location"]

    post(client, f"{account}/re-invite")

    first, second = links_to(app, NEW)
    assert "replaced" in app.test_client().get(first, follow_redirects=True).get_data(as_text=True)
    invited = app.test_client()
    page = invited.get(second).headers["Location"]
    post(invited, "/invitation", page, new_password=PASSWORD)
    assert "re-invite" not in client.get(account).get_data(as_text=True)
    assert post(client, f"{account}/re-invite").status_code == 409
