"""The pages of a user's API tokens."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import clock
from authapp.delivery import outbox
from authapp.domain import api_tokens as api_token_domain
from authapp.domain.api_tokens import TokenIdentity
from authapp.errors import TokenRevoked
from authapp.models import Activity, Scope, User
from authapp.services import activity, api_tokens, introspection, users
from authapp.services.api_tokens import ListedToken
from tests.support.accounts import HERE, add_user
from tests.support.browsing import post, sign_in
from tests.support.on_sqlite import on_sqlite

LIST, NEW = "/account/tokens", "/account/tokens/new"
WANTED = {"name": "backup", "scopes": ["account:read", "tokens:read"], "expiry": "30"}


@pytest.fixture
def listed(app: Flask, user: User, client: FlaskClient) -> Callable[[], list[ListedToken]]:
    """Sign in, and return a function that lists the tokens of the user."""
    sign_in(client)

    def read() -> list[ListedToken]:
        with app.app_context():
            return api_tokens.list_tokens(user.id)

    return read


def make(client: FlaskClient, **changes: object) -> TestResponse:
    return post(client, NEW, **{**WANTED, **changes})


def value_in(answer: TestResponse) -> str:
    found = re.search(r"aut_[0-9A-Za-z]{71}", answer.get_data(as_text=True))
    assert found
    return found[0]


def said_of(fact: str, client: FlaskClient) -> str:
    """Return the value shown in the list for a labeled fact about its only token."""
    html = client.get(LIST).get_data(as_text=True)
    (said,) = re.findall(rf"<dt>{fact}</dt>\s*<dd>\s*(.*?)\s*</dd>", html, re.DOTALL)
    return str(said)


def check(app: Flask, value: str) -> TokenIdentity:
    with app.app_context():
        return api_token_domain.check(value)


def test_a_token_is_created_and_its_value_shown_once(app: Flask, client, listed) -> None:
    answer = make(client)

    value = value_in(answer)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert check(app, value).scopes == {Scope.ACCOUNT_READ, Scope.TOKENS_READ}
    page = client.get(LIST).get_data(as_text=True)
    assert "backup" in page
    assert f"aut_…{value[-4:]}" in page
    assert value not in page


def test_a_form_sent_twice_creates_one_token(client: FlaskClient, listed) -> None:
    html = client.get(NEW).get_data(as_text=True)
    hidden = dict(re.findall(r'name="(csrf_token|key)"[^>]*value="([^"]+)"', html))

    first = client.post(NEW, data={**WANTED, **hidden})
    second = client.post(NEW, data={**WANTED, **hidden})

    assert value_in(first)
    assert second.status_code == 303
    assert "already created" in client.get(LIST).get_data(as_text=True)
    assert len(listed()) == 1


@on_sqlite
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "Enter a name"),
        ({"name": "a\x01b"}, "Use only letters"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"scopes": []}, "at least one permission"),
        ({"scopes": ["everything"]}, "permissions from the list"),
        ({"expiry": "date"}, "Enter a date in the format"),
        ({"expiry": "date", "expires_at": "2020-01-31"}, "date in the future"),
        ({"expiry": "date", "expires_at": "9999-12-31"}, "within the next 10 years"),
        ({"expiry": "date", "expires_at": "31st of May"}, "Enter a date in the format"),
        ({"expiry": "eternity"}, "Not a valid choice"),
    ],
)
def test_invalid_input_is_reported_next_to_its_field(client, listed, changes, told: str) -> None:
    answer = make(client, **changes)

    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert told in page
    assert page.count(told) == 2
    assert listed() == []


def test_the_expiry_date_is_the_last_day_the_token_works(client: FlaskClient, listed) -> None:
    last_day = clock.now().date() + timedelta(days=3)

    make(client, expiry="date", expires_at=last_day.isoformat())

    (made,) = listed()
    assert made.token.expires_at.date() == last_day
    assert made.token.expires_at > clock.now() + timedelta(days=2, hours=23)


def test_a_token_without_an_expiry_is_listed_as_such(client: FlaskClient, listed) -> None:
    make(client, expiry="never")

    assert listed()[0].token.expires_at is None
    assert said_of("Expires", client) == "Never"


def test_the_list_says_when_and_from_where_a_token_was_used(app, client, listed) -> None:
    value = value_in(make(client))
    assert said_of("Last used", client) == "Never"
    with app.app_context():
        introspection.authenticate(value, address=HERE.address)
    app.extensions["token_cache"].last_used.write()

    assert f"from {HERE.address}" in client.get(LIST).get_data(as_text=True)


def test_a_token_is_renamed(client: FlaskClient, listed) -> None:
    make(client)
    path = f"{LIST}/{listed()[0].token.id}/name"
    assert 'value="backup"' in client.get(path).get_data(as_text=True)

    assert post(client, path, name="").status_code == 422
    assert post(client, path, name="<b>archive</b>").status_code == 303

    assert listed()[0].token.name == "<b>archive</b>"
    assert "<b>archive" not in client.get(LIST).get_data(as_text=True)


def test_rotating_shows_the_new_value_and_keeps_the_old_token_valid(app, client, listed) -> None:
    old = value_in(make(client))
    path = f"{LIST}/{listed()[0].token.id}/rotate"

    new = value_in(post(client, path, overlap="1d"))

    assert new != old
    assert check(app, old).token_id != check(app, new).token_id
    assert "replaced" in client.get(LIST).get_data(as_text=True)
    again = post(client, path, overlap="1d")
    assert again.status_code == 303
    assert len(listed()) == 2


@pytest.mark.parametrize("overlap", ["", "2d", "\x01"])
def test_only_the_offered_overlaps_are_accepted(client: FlaskClient, listed, overlap: str) -> None:
    make(client)

    answer = post(client, f"{LIST}/{listed()[0].token.id}/rotate", overlap=overlap)

    assert answer.status_code == 422
    assert len(listed()) == 1


def test_revoking_asks_first_and_then_works_at_once(app: Flask, client, listed) -> None:
    value = value_in(make(client))
    path = f"{LIST}/{listed()[0].token.id}/revoke"
    client.get(path)
    assert check(app, value)

    answer = post(client, path)

    assert answer.status_code == 303
    with pytest.raises(TokenRevoked):
        check(app, value)
    assert listed() == []
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("page", ["name", "rotate", "revoke"])
def test_another_users_token_is_not_found(app: Flask, client, listed, page: str) -> None:
    with app.app_context():
        other = add_user("other@example.org")
        theirs = api_tokens.create(
            other.id, name="x", scopes=["sessions:write"], expires_at=None, client=HERE
        )

    for id in (theirs.id, uuid4()):
        assert client.get(f"{LIST}/{id}/{page}").status_code == 404
        assert post(client, f"{LIST}/{id}/{page}", page=NEW, name="y").status_code == 404
    assert check(app, theirs.value)


def test_changes_require_a_recent_password_and_the_list_does_not(client, listed, move_time) -> None:
    make(client)
    id = listed()[0].token.id

    with move_time(minutes=16):
        assert client.get(LIST).status_code == 200
        for page in (NEW, *(f"{LIST}/{id}/{name}" for name in ("name", "rotate", "revoke"))):
            answer = client.get(page)
            assert answer.headers["Location"] == f"/account/confirm?next={page}"
            assert post(client, page, page="/account/confirm").status_code == 303
        (unchanged,) = listed()
        assert unchanged.token.name == "backup"


def test_at_the_limit_a_token_must_be_revoked_first(client, listed, monkeypatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST", 1)
    make(client)

    answer = make(client)

    page = client.get(LIST).get_data(as_text=True)
    assert answer.status_code == 303
    assert "Revoke one first" in page
    assert NEW not in page
    assert len(listed()) == 1


def test_a_new_token_is_emailed_to_its_owner_and_recorded(
    app: Flask, client, listed, user: User
) -> None:
    value = value_in(make(client))

    with app.app_context():
        mail = outbox.list_recent()[0]
        noted = activity.list_recent(user.id)[0]
        (token,) = api_tokens.list_tokens(user.id)

    assert mail.subject == "New authapp API token"
    assert "“backup”" in mail.body
    assert value[:40] not in mail.body
    assert noted.activity == Activity.API_TOKEN_CREATED
    assert noted.details == {"name": "backup", "token": str(token.token.id)}


def test_a_date_outside_the_calendar_is_refused(client: FlaskClient, listed) -> None:
    for text in ("0001-01-01", "275760-09-13", "-1", "\x01", str(date.max)):
        assert make(client, expiry="date", expires_at=text).status_code == 422


def test_introspection_is_offered_only_to_accounts_that_an_operator_chose(
    app: Flask, client, user: User, listed
) -> None:
    assert 'value="introspect"' not in client.get(NEW).get_data(as_text=True)
    assert make(client, scopes=["account:read", "introspect"]).status_code == 403
    assert listed() == []

    with app.app_context():
        users.grant(user.id, Scope.INTROSPECT)

    assert 'value="introspect"' in client.get(NEW).get_data(as_text=True)
    value = value_in(make(client, scopes=["introspect"]))
    assert check(app, value).scopes == {Scope.INTROSPECT}
