"""Sensitive pages require that the user signed in or confirmed recently, by password or code."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jwt
import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from authapp import clock
from authapp.delivery import outbox
from authapp.domain import sessions
from authapp.domain.factors import authenticator_apps, recovery_codes, second_factors
from authapp.errors import InputRefused, TokenRevoked
from authapp.models import Activity, Attempt, RefreshToken, User, db
from authapp.services import activity, step_up
from authapp.services import second_factors as enrolling
from authapp.services.sign_out import sign_out
from authapp.web.access import Access, allow
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.second_factors import code_of, enroll, wrong_code

STALE = 16
MOST_CODES = 5
"""Wrong codes of an account in a row, by LIMIT_SECOND_FACTOR."""
MOST_GUESSES = 10
"""Wrong passwords and codes of a session in a row, by LIMIT_CONFIRM_PASSWORD."""


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application with a page that requires a recent password."""
    app = make_app()
    guarded = Blueprint("guarded", __name__)
    guarded.add_url_rule("/guarded", "show", lambda: "behind the guard", methods=["GET", "POST"])
    allow(app, guarded, Access.FRESH)
    return app


def test_a_recent_sign_in_needs_no_confirmation(client: FlaskClient, user: User) -> None:
    sign_in(client)

    assert client.get("/guarded").get_data(as_text=True) == "behind the guard"


def test_an_anonymous_visitor_is_sent_to_sign_in(client: FlaskClient) -> None:
    assert client.get("/guarded").headers["Location"] == "/login?next=/guarded"


def test_a_confirmed_password_leads_back_to_the_page(
    client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        asked = client.get("/guarded?with=words")
        location = asked.headers["Location"]
        answer = post(client, location, password=PASSWORD)

        assert asked.status_code == 303
        assert location.startswith("/account/confirm?next=")
        assert answer.headers["Location"] == "/guarded?with=words"
        assert client.get("/guarded").status_code == 200


def test_a_wrong_password_is_reported_and_grants_no_access(
    client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        answer = post(client, "/account/confirm", password="not the password")

        assert answer.status_code == 422
        assert "Incorrect password" in answer.get_data(as_text=True)
        assert client.get("/guarded").status_code == 303


def test_an_ended_session_cannot_be_revived(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with app.test_request_context():
        identity = sessions.authenticate(cookie(client, "access_token"))
    with move_time(minutes=STALE):
        location = client.get("/guarded").headers["Location"]
        with app.app_context():
            sign_out(identity, client=HERE)

        answer = client.get(location)

        assert answer.headers["Location"].startswith("/login")


def test_a_confirmation_is_recorded(app: Flask, client: FlaskClient, user: User, move_time) -> None:
    sign_in(client)
    with move_time(minutes=STALE):
        post(client, "/account/confirm", password=PASSWORD)

        with app.app_context():
            latest = activity.list_recent(user.id)[0]

    assert latest.activity == Activity.PASSWORD_CONFIRMED
    assert latest.address == "127.0.0.1"


@pytest.fixture
def secret(app: Flask, client: FlaskClient, user: User) -> str:
    """The secret of the user's authenticator app; the client is signed in since before."""
    sign_in(client, remember="y")
    with app.app_context():
        return enroll(user.id)[0]


def claims(client: FlaskClient) -> dict[str, object]:
    return jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})


def confirm(client: FlaskClient, **fields: str) -> int:
    return post(client, "/account/confirm", page="/account/delete", **fields).status_code


def test_a_code_confirms_and_leads_back_to_the_page(
    app: Flask, client: FlaskClient, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    with move_time(minutes=STALE):
        location = client.get("/guarded").headers["Location"]
        page = client.get(location).get_data(as_text=True)
        answer = post(client, location, code=code_of(secret))

        assert 'name="password"' in page
        assert 'name="code"' in page
        assert answer.headers["Location"] == "/guarded"
        assert client.get("/guarded").status_code == 200
        with app.app_context():
            assert activity.list_recent(user.id)[0].activity == Activity.CODE_CONFIRMED


def test_tokens_and_session_say_how_and_when_the_user_confirmed(
    app: Flask, client: FlaskClient, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    before, old = claims(client), cookie(client, "access_token")
    with move_time(minutes=STALE):
        confirm(client, code=code_of(secret))
        after, now = claims(client), int(clock.now().timestamp())
        confirm(client, password=PASSWORD)

        assert before["amr"] == ["pwd"]
        assert after["amr"] == claims(client)["amr"] == ["pwd", "otp", "mfa"]
        assert before["auth_time"] < now - 60 * (STALE - 1)
        assert now - 5 <= after["auth_time"] <= now
        assert cookie(client, "access_token") != old
    with app.app_context():
        assert db.session.scalars(db.select(RefreshToken.amr)).one() == "pwd otp mfa"


def test_without_an_app_only_the_password_is_asked_for(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    sign_in(client)
    with app.app_context():
        enrolling.begin(user.id)
        begun = enrolling.get_enrollment(user.id).secret
    with move_time(minutes=STALE):
        page = client.get("/account/confirm").get_data(as_text=True)

        assert 'name="code"' not in page
        assert confirm(client, code=code_of(begun)) == 422
        assert client.get("/guarded").status_code == 303


def test_an_app_that_was_only_begun_confirms_nothing(app: Flask, user: User) -> None:
    with app.app_context():
        enrolling.begin(user.id)
        code = code_of(enrolling.get_enrollment(user.id).secret)

        with pytest.raises(InputRefused, match="wrong_from_app"):
            second_factors.check(user.id, code)


def test_a_code_confirms_once(
    app: Flask, client: FlaskClient, secret: str, move_time: Callable[..., object]
) -> None:
    thief = app.test_client()
    with move_time(minutes=STALE):
        code = code_of(secret)
        assert confirm(client, code=code) == 303
        for name in ("access_token", "refresh_token"):
            thief.set_cookie(name, cookie(client, name))

        assert confirm(thief, code=code) == 422


def test_a_code_of_sign_in_does_not_confirm(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    other = app.test_client()
    page = post(other, "/login", email=user.email, password=PASSWORD).headers["Location"]
    code = code_of(secret)
    assert post(other, page, code=code).status_code == 303

    assert confirm(client, code=code) == 422


def test_two_requests_cannot_confirm_with_one_code(app: Flask, user: User, secret: str) -> None:
    with app.app_context():
        code = code_of(secret)
        proofs = [authenticator_apps.check(user.id, code) for _ in range(2)]
        second_factors.claim(proofs[0])
        with pytest.raises(InputRefused, match="used"):
            second_factors.claim(proofs[1])


def test_of_simultaneous_confirmations_with_one_code_one_succeeds(
    app: Flask, client: FlaskClient, secret: str
) -> None:
    with app.test_request_context():
        identity = sessions.authenticate(cookie(client, "access_token"))
    code, ready = code_of(secret), Barrier(4)

    def confirm_once(_: int) -> bool:
        with app.app_context():
            ready.wait()
            try:
                step_up.confirm_code(identity, code, client=HERE)
            except InputRefused:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(confirm_once, range(4))) == 1


def test_a_code_of_another_account_is_refused(app: Flask, client: FlaskClient, secret: str) -> None:
    with app.app_context():
        other_secret, _ = enroll(add_user("other@example.org").id)

    assert confirm(client, code=code_of(other_secret)) == 422
    assert claims(client)["amr"] == ["pwd"]


def test_a_recovery_code_does_not_confirm(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    with app.app_context():
        _, codes = enroll(user.id)

    assert confirm(client, code=codes[0]) == 422
    with app.app_context():
        assert recovery_codes.count_left(user.id) == len(codes)


def test_wrong_codes_count_at_sign_in_too(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    for _ in range(MOST_CODES):
        assert confirm(client, code=wrong_code(secret)) == 422

    assert confirm(client, code=code_of(secret)) == 429
    other = app.test_client()
    page = post(other, "/login", email=user.email, password=PASSWORD).headers["Location"]
    assert post(other, page, code=code_of(secret)).status_code == 429
    assert confirm(client, password=PASSWORD) == 303


def test_a_stolen_session_ends_after_wrong_codes_and_passwords_together(
    app: Flask, client: FlaskClient, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    wrong = [{"password": "not the password"}, {"code": ""}]
    statuses = []
    for hour in range(MOST_GUESSES):
        with move_time(hours=hour):
            wrong[1]["code"] = wrong_code(secret)
            statuses.append(confirm(client, **wrong[hour % 2]))

    assert statuses == [422] * (MOST_GUESSES - 1) + [303]
    assert not is_signed_in(client)
    with app.app_context():
        (mail,) = [each for each in outbox.list_recent() if each.message == "password_guessed"]
        noted = {each.activity: each.times for each in activity.list_recent(user.id)}
    assert "incorrect password or code 10 times" in mail.body
    assert noted[Activity.SIGNED_OUT_FOR_GUESSING] == 1
    assert Activity.CODE_REFUSED in noted


def test_a_code_that_was_not_checked_is_not_a_guess_in_the_session(
    app: Flask, client: FlaskClient, secret: str
) -> None:
    for _ in range(MOST_CODES):
        confirm(client, code=wrong_code(secret))
    for _ in range(MOST_GUESSES):
        assert confirm(client, code=code_of(secret)) == 429
    assert confirm(client, code="12 34") == 422

    assert is_signed_in(client)


def test_a_correct_code_begins_a_new_count(app: Flask, client: FlaskClient, secret: str) -> None:
    for _ in range(MOST_GUESSES - 1):
        assert confirm(client, password="not the password") == 422
    assert confirm(client, code=code_of(secret)) == 303

    with app.app_context():
        assert db.session.query(Attempt).filter_by(name="confirm_password").count() == 0
    assert confirm(client, password="not the password") == 422


def test_a_code_does_not_revive_an_ended_session(app: Flask, user: User) -> None:
    client = app.test_client()
    sign_in(client)
    with app.test_request_context():
        secret, _ = enroll(user.id)
        identity = sessions.authenticate(cookie(client, "access_token"))
        sign_out(identity, client=HERE)

        with pytest.raises(TokenRevoked):
            step_up.confirm_code(identity, code_of(secret), client=HERE)


def test_a_code_does_not_replace_the_current_password(client: FlaskClient, secret: str) -> None:
    changed = post(
        client,
        "/password/change",
        code=code_of(secret),
        new_password="five entirely different words here",
    )
    deleted = post(client, "/account/delete", code=code_of(secret))

    assert (changed.status_code, deleted.status_code) == (422, 422)
