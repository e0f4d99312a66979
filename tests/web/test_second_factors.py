"""Two-step sign-in: enrolling, signing in with a code, recovery codes, and attacks on each."""

import base64
import html
import os
import re
from collections.abc import Callable

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp.delivery import outbox
from authapp.domain.factors import second_factors as factors
from authapp.errors import InputRefused
from authapp.models import Activity, ActivityEvent, AuthenticatorApp, RecoveryCode, User, db
from authapp.models.transaction import transaction
from authapp.services import keys, password_reset, second_factors
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.messages import newest_to
from tests.support.on_sqlite import on_sqlite
from tests.support.second_factors import code_of, enroll, wrong_code

NEW_PASSWORD = "another four words entirely unrelated"
PAGES = "/account/second-factors"
MOST = 5
"""Wrong codes in a row, by LIMIT_SECOND_FACTOR."""


@pytest.fixture
def secret(app: Flask, user: User) -> str:
    """The secret of the user's authenticator app."""
    with app.app_context():
        return enroll(user.id)[0]


def enter_password(client: FlaskClient, **fields: str) -> str:
    """Enter the right password, and return the address of the page that asks for a code."""
    fields = {"email": "somebody@example.org", "password": PASSWORD, **fields}
    answer = post(client, "/login", **fields)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/login/code?flow=")
    return answer.headers["Location"]


def use_recovery_code(client: FlaskClient, code: str) -> TestResponse:
    """Sign in with the right password and a recovery code."""
    address = enter_password(client).replace("/login/code", "/login/recovery-code")
    return post(client, address, recovery_code=code)


def activities(app: Flask, user: User) -> list[str]:
    with app.app_context():
        found = db.select(ActivityEvent.activity).where(ActivityEvent.user_id == user.id)
        return list(db.session.scalars(found.order_by(ActivityEvent.created_at)))


def messages(app: Flask) -> list[str]:
    with app.app_context():
        return [each.message for each in outbox.list_recent()]


def test_a_user_turns_it_on_with_a_code_from_the_app(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    begun = post(client, PAGES)
    page = client.get(begun.headers["Location"]).get_data(as_text=True)
    shown = re.search(r'id="secret"[^>]*>([\w ]+)<', page)

    assert shown
    secret = shown[1].replace(" ", "")
    assert "<svg" in page
    assert f"secret={secret}" in html.unescape(page)
    done = post(client, f"{PAGES}/app", code=code_of(secret))
    assert done.status_code == 200
    assert (
        len(re.findall(r"<code>[0-9a-z]{5}-[0-9a-z]{5}</code>", done.get_data(as_text=True))) == 10
    )
    assert "second_factor_added" in messages(app)
    assert Activity.SECOND_FACTOR_ADDED in activities(app, user)


def test_the_app_is_not_asked_for_before_it_is_confirmed(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        second_factors.begin(user.id)
        secret = second_factors.get_enrollment(user.id).secret
    sign_in(client)

    refused = post(client, f"{PAGES}/app", code=wrong_code(secret))

    assert refused.status_code == 422
    assert "Incorrect code" in refused.get_data(as_text=True)
    other = app.test_client()
    sign_in(other)
    assert is_signed_in(other)


def test_a_password_alone_does_not_sign_in(client: FlaskClient, secret: str) -> None:
    enter_password(client)

    assert not is_signed_in(client)
    for name in ("access_token", "refresh_token"):
        assert client.get_cookie(name) is None


def test_a_code_completes_the_sign_in_and_leads_to_the_requested_page(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    answer = post(client, "/login?next=/account/activity", email=user.email, password=PASSWORD)
    done = post(client, answer.headers["Location"], code=code_of(secret))

    assert done.headers["Location"] == "/account/activity"
    assert is_signed_in(client)
    assert Activity.SIGNED_IN in activities(app, user)


def test_a_code_works_once(client: FlaskClient, app: Flask, secret: str) -> None:
    code = code_of(secret)
    post(client, enter_password(client), code=code)
    thief = app.test_client()

    answer = post(thief, enter_password(thief), code=code)

    assert answer.status_code == 422
    assert "already used" in answer.get_data(as_text=True)
    assert not is_signed_in(thief)


def test_an_earlier_code_is_refused_after_a_later_one(
    client: FlaskClient, app: Flask, secret: str
) -> None:
    earlier = code_of(secret, steps=0)
    post(client, enter_password(client), code=code_of(secret))
    thief = app.test_client()

    assert post(thief, enter_password(thief), code=earlier).status_code == 422


def test_a_recovery_code_signs_in_once_and_its_owner_is_told(app: Flask, user: User) -> None:
    with app.app_context():
        codes = enroll(user.id)[1]
    client, again = app.test_client(), app.test_client()

    signed_in = use_recovery_code(client, codes[0].upper())
    refused = use_recovery_code(again, codes[0])

    assert signed_in.status_code == 303
    assert refused.status_code == 422
    with app.app_context():
        assert second_factors.overview(user.id).codes_left == 9
        body = next(
            each.body for each in outbox.list_recent() if each.message == "recovery_code_used"
        )
    assert "9 recovery codes left" in body


def test_new_recovery_codes_replace_the_old_ones(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    post(client, enter_password(client), code=code_of(secret))

    page = post(client, f"{PAGES}/recovery-codes").get_data(as_text=True)

    stranger = app.test_client()
    assert codes[0] not in page
    assert use_recovery_code(stranger, codes[0]).status_code == 422
    new = re.findall(r"<code>([0-9a-z]{5}-[0-9a-z]{5})</code>", page)
    assert use_recovery_code(stranger, new[0]).status_code == 303


def test_a_user_turns_it_off_and_is_told(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    post(client, enter_password(client), code=code_of(secret))

    post(client, f"{PAGES}/remove")

    other = app.test_client()
    sign_in(other)
    assert is_signed_in(other)
    assert "second_factor_removed" in messages(app)
    with app.app_context():
        assert db.session.query(RecoveryCode).count() == 0


@pytest.mark.usefixtures("new_hour")
def test_guesses_run_out_for_every_browser_and_the_owner_is_told_once(
    app: Flask, user: User, secret: str
) -> None:
    for _ in range(MOST):
        thief = app.test_client()
        assert post(thief, enter_password(thief), code=wrong_code(secret)).status_code == 422

    answers = []
    for _ in range(2):
        thief = app.test_client()
        answers.append(post(thief, enter_password(thief), code=code_of(secret)))

    assert [answer.status_code for answer in answers] == [429, 429]
    assert "Retry-After" in answers[0].headers
    assert messages(app).count("second_factor_refused") == 1
    with app.app_context():
        failure = db.session.scalars(
            db.select(ActivityEvent).where(ActivityEvent.activity == Activity.SECOND_FACTOR_REFUSED)
        ).one()
    assert failure.times == MOST + 2


def test_a_recovery_code_works_when_guesses_have_run_out(app: Flask, user: User) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    client = app.test_client()
    address = enter_password(client)
    for _ in range(MOST):
        post(client, address, code=wrong_code(secret))

    assert use_recovery_code(client, codes[0]).status_code == 303


def test_a_code_of_another_account_is_refused(app: Flask, client: FlaskClient, user: User) -> None:
    with app.app_context():
        enroll(user.id)
        other_secret, other_codes = enroll(add_user("other@example.org").id)
    address = enter_password(client)

    assert post(client, address, code=code_of(other_secret)).status_code == 422
    assert use_recovery_code(client, other_codes[0]).status_code == 422


def test_a_password_reset_keeps_the_second_factor(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    with app.app_context():
        password_reset.request(user.email, client=HERE)
        password_reset.answer_requests()
        link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
        password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)

    enter_password(client, password=NEW_PASSWORD)

    assert not is_signed_in(client)


def test_a_pending_sign_in_expires(
    client: FlaskClient, secret: str, move_time: Callable[..., object]
) -> None:
    address = enter_password(client)

    with move_time(minutes=11):
        answer = client.get(address)
        refused = post(client, address, page="/login", code=code_of(secret))

    assert answer.headers["Location"].startswith("/login?")
    assert refused.headers["Location"].startswith("/login?")
    assert not is_signed_in(client)


def test_a_new_password_ends_a_pending_sign_in(app: Flask, client: FlaskClient, user: User) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    address, owner = enter_password(client), app.test_client()
    post(owner, enter_password(owner), code=code_of(secret))
    post(
        owner,
        "/password/change",
        current_password=PASSWORD,
        new_password=NEW_PASSWORD,
    )

    answer = post(
        client, address.replace("/login/code", "/login/recovery-code"), recovery_code=codes[0]
    )

    assert answer.headers["Location"].startswith("/login?")
    assert not is_signed_in(client)


@on_sqlite
@pytest.mark.parametrize("code", ["", "12345", "abcdef", "1" * 100_000, "\ud800"])
def test_text_that_is_not_a_code_is_explained_and_not_counted(
    app: Flask, client: FlaskClient, secret: str, code: str
) -> None:
    address = enter_password(client)

    for _ in range(MOST + 1):
        answer = post(client, address, code=code.encode("utf-8", "surrogatepass").decode("latin-1"))

    assert answer.status_code == 422
    assert post(client, address, code=code_of(secret)).status_code == 303


def test_the_page_for_a_code_needs_a_password_first(client: FlaskClient, secret: str) -> None:
    assert client.get("/login/code").headers["Location"].startswith("/login?")


def test_the_access_token_and_the_session_say_how_the_user_signed_in(
    app: Flask, client: FlaskClient, secret: str
) -> None:
    post(client, enter_password(client), code=code_of(secret))

    claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
    assert claims["amr"] == ["pwd", "otp", "mfa"]


def test_the_secret_and_the_codes_are_not_readable_in_the_database(app: Flask, user: User) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
        row = db.session.get_one(AuthenticatorApp, user.id)
        digests = db.session.scalars(db.select(RecoveryCode.digest)).all()

    assert secret.encode() not in row.secret_sealed
    assert not any(code.replace("-", "").encode() in digest for code in codes for digest in digests)


def test_a_sealed_secret_does_not_open_for_another_account(app: Flask, user: User) -> None:
    with app.app_context():
        enroll(user.id)
        other = add_user("other@example.org")
        enroll(other.id)
        stolen = db.session.get_one(AuthenticatorApp, user.id).secret_sealed
        db.session.get_one(AuthenticatorApp, other.id).secret_sealed = stolen
        db.session.commit()

    client = app.test_client()
    address = enter_password(client, email="other@example.org")

    assert post(client, address, code="123456").status_code == 503


def test_keeping_a_closed_account_needs_the_second_factor_too(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    post(client, enter_password(client), code=code_of(secret))
    post(client, "/account/delete", password=PASSWORD)
    offer = post(client, "/login", email=user.email, password=PASSWORD).headers["Location"]

    answer = post(client, "/account/delete/keep", page=offer)

    assert answer.headers["Location"].startswith("/login/code?flow=")
    assert not is_signed_in(client)


def test_two_requests_cannot_use_one_code(app: Flask, user: User) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
        for code in (code_of(secret), codes[0]):
            proofs = [factors.check(user.id, code) for _ in range(2)]
            with transaction():
                factors.claim(proofs[0])
            with pytest.raises(InputRefused, match="used"), transaction():
                factors.claim(proofs[1])


def test_secrets_move_to_a_new_key(
    make_app: Callable[..., Flask], app: Flask, user: User, secret: str, environ: dict[str, str]
) -> None:
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    with make_app(KEY_ENCRYPTION_KEYS=f"{new},{environ['KEY_ENCRYPTION_KEYS']}").app_context():
        keys.rewrap(force=True)

    with make_app(KEY_ENCRYPTION_KEYS=new).app_context():
        assert factors.check(user.id, code_of(secret)).user_id == user.id


def test_an_operator_removes_it_after_confirmation_and_the_owner_is_told(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    command = ["users", "remove-second-factor", user.email]
    refused = app.test_cli_runner().invoke(args=command, input="n\n")
    assert refused.exit_code == 1
    enter_password(app.test_client())

    removed = app.test_cli_runner().invoke(args=[*command, "--yes"])

    assert removed.exit_code == 0
    sign_in(client)
    assert is_signed_in(client)
    assert "second_factor_removed" in messages(app)
