"""Signing in with an emailed code: who may use it, what it proves, and attacks."""

import re
from collections.abc import Callable

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import clock
from authapp.config.loader import load
from authapp.delivery import outbox
from authapp.domain import pending_sign_ins
from authapp.errors import NotAllowed, SecondFactorRequired
from authapp.models import (
    AuthenticatorApp,
    EmailSignInRequest,
    LostFactor,
    User,
    VerificationToken,
    db,
)
from authapp.services import login, lost_factor, users
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.applications import answer_requests
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.messages import code_to, newest_to
from tests.support.second_factors import code_of, enroll

ASK, ENTER = "/login/email", "/login/email/code"
EMAIL = "somebody@example.org"
LINK = r"http://[^/]+(/login/email/\S+)"


def ask(client: FlaskClient, email: str = EMAIL, **fields: str) -> str:
    """Ask for a code, and return the address of the page that it is entered on."""
    answer = post(client, ASK, email=email, **fields)
    assert answer.status_code == 303, answer.get_data(as_text=True)
    return answer.headers["Location"]


def enter(client: FlaskClient, page: str, code: str) -> TestResponse:
    return post(client, ENTER, page, code=code)


def wrong(code: str) -> str:
    return "000000" if code.replace(" ", "") != "000000" else "000001"


def amr(client: FlaskClient) -> list[str]:
    claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
    return list(claims["amr"])


def messages(app: Flask) -> list[str]:
    answer_requests(app)
    with app.app_context():
        return [each.message for each in outbox.list_recent()]


def test_it_is_off_by_default(make_app: Callable[..., Flask], environ: dict[str, str]) -> None:
    without = {name: value for name, value in environ.items() if name != "EMAIL_SIGN_IN"}
    client = make_app(EMAIL_SIGN_IN="off").test_client()

    assert load(without).accounts.email_sign_in == "off"
    assert client.get(ASK).status_code == 404
    assert client.get(f"{ASK}/nonsense").status_code == 404
    assert "sign-in code" not in client.get("/login").get_data(as_text=True)


def test_a_code_signs_in_where_it_was_asked_for(
    app: Flask, client: FlaskClient, user: User
) -> None:
    page = ask(client)
    code = code_to(app, user.email)

    done = enter(client, page, code)

    assert done.headers["Location"] == "/account"
    assert is_signed_in(client)
    assert amr(client) == ["otp", "email"]


def test_the_sign_in_page_sends_the_address_and_keeps_where_to_go(
    app: Flask, client: FlaskClient, user: User
) -> None:
    html = client.get("/login?next=/account/activity").get_data(as_text=True)
    target = re.search(r'formaction="(/login/email[^"]+)"', html)
    assert target

    page = post(client, target[1], "/login", email=user.email, password="", remember="y")
    answer = client.get(page.headers["Location"]).get_data(as_text=True)
    action = re.search(r'action="(/login/email/code[^"]*)"', answer)
    assert action
    done = post(client, action[1], page.headers["Location"], code=code_to(app, user.email))

    assert done.headers["Location"] == "/account/activity"
    assert client.get_cookie("refresh_token").expires is not None


def test_another_browser_cannot_use_the_code(app: Flask, client: FlaskClient, user: User) -> None:
    ask(client)
    code = code_to(app, user.email)
    thief = app.test_client()
    with app.app_context():
        db.session.execute(db.delete(EmailSignInRequest))
        db.session.commit()
    page = ask(thief)

    assert enter(thief, page, code).status_code == 422
    assert not is_signed_in(thief)


def test_a_code_works_once_and_for_ten_minutes(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    page = ask(client)
    code = code_to(app, user.email)
    with move_time(minutes=11):
        assert enter(client, page, code).status_code == 422

    page = ask(client)
    code = code_to(app, user.email)
    assert enter(client, page, code).status_code == 303
    again = app.test_client()
    assert enter(again, ask(again), code).status_code == 422


def test_guesses_run_out_and_a_new_code_does_not_reset_them(
    app: Flask, client: FlaskClient, user: User
) -> None:
    page = ask(client)
    for _ in range(5):
        assert enter(client, page, wrong(code_to(app, user.email))).status_code == 422

    other = app.test_client()
    page = ask(other)
    answer = enter(other, page, code_to(app, user.email))

    assert answer.status_code == 429
    assert not is_signed_in(other)


@pytest.mark.parametrize("state", ["absent", "unverified", "disabled", "frozen", "closed"])
def test_every_address_is_answered_alike(app: Flask, state: str) -> None:
    """Wrong codes, and running out of guesses in several browsers, look the same too."""
    answers = {}
    with app.app_context():
        add_user("normal@example.org")
        person = db.session.get_one(User, add_user("person@example.org").id)
        person.email_verified_at = None if state == "unverified" else clock.now()
        person.disabled_at = clock.now() if state == "disabled" else None
        person.frozen_at = clock.now() if state == "frozen" else None
        person.delete_at = clock.now() if state == "closed" else None
        db.session.commit()
    for email in ("normal@example.org", "person@example.org"):
        target = "nobody@example.org" if state == "absent" and email[0] == "p" else email
        seen = []
        for _ in range(2):
            client = app.test_client()
            page = ask(client, target)
            answer_requests(app)
            for _ in range(3):
                answer = enter(client, page, "000000")
                seen.append((answer.status_code, without_values(answer, target)))
        answers[email] = seen

    assert answers["normal@example.org"] == answers["person@example.org"]
    assert [status for status, _ in answers["normal@example.org"]] == [422] * 5 + [429]
    assert messages(app).count("email_sign_in") == 2


def without_values(answer: TestResponse, email: str) -> str:
    """Return a page without its address, its flow and the tokens of its forms."""
    html = answer.get_data(as_text=True).replace(email, "ADDRESS")
    return re.sub(r'(name="(?:csrf_token|flow)"[^>]*value=")[^"]+', r"\1", html)


def test_the_link_signs_in_where_it_was_asked_for_and_needs_a_button(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(client, remember="y")
    link = newest_to(app, user.email, LINK)

    assert client.get(link).status_code == 200
    assert not is_signed_in(client)
    assert post(client, link).status_code == 303

    assert is_signed_in(client)
    assert client.get_cookie("refresh_token").expires is not None


def test_a_scanner_signs_in_nowhere_and_uses_nothing_up(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(client)
    link, scanner = newest_to(app, user.email, LINK), app.test_client()

    scanner.get(link)
    assert post(scanner, link).status_code == 422
    assert not is_signed_in(scanner)

    assert post(client, link).status_code == 303


def test_another_browser_needs_the_code_of_the_same_email(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(client)
    code, link = code_to(app, user.email), newest_to(app, user.email, LINK)
    phone = app.test_client()

    assert post(phone, link, code=wrong(code)).status_code == 422
    assert post(phone, link, code=code).status_code == 303

    assert is_signed_in(phone)
    assert client.get(link).status_code == 410


def test_a_second_factor_is_asked_for_and_the_session_does_not_claim_two(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        secret, codes = enroll(user.id)
    page = ask(client)

    asked = enter(client, page, code_to(app, user.email))
    assert asked.headers["Location"].startswith("/login/code?flow=")
    assert not is_signed_in(client)
    post(client, asked.headers["Location"], code=code_of(secret))

    assert amr(client) == ["otp"]
    other = app.test_client()
    asked = enter(other, ask(other), code_to(app, user.email))
    recovery = asked.headers["Location"].replace("/login/code", "/login/recovery-code")
    post(other, recovery, recovery_code=codes[0])
    assert amr(other) == ["otp", "email"]


def test_it_never_starts_or_uses_the_waiting_time_for_a_lost_factor(
    app: Flask, client: FlaskClient, user: User, move_time: Callable[..., object]
) -> None:
    with app.app_context():
        enroll(user.id)
    asked = enter(client, ask(client), code_to(app, user.email))
    page = asked.headers["Location"].replace("/login/code", "/login/lost-factor")

    shown = client.get(page).get_data(as_text=True)
    post(client, "/login/lost-factor", asked.headers["Location"])

    assert "This needs your password" in shown
    with app.app_context():
        assert db.session.get(LostFactor, user.id) is None
        row = db.session.get_one(User, user.id)
        missing = pending_sign_ins.missing_step(row, remember=False, amr="otp email")
        assert missing is not None
        with pytest.raises(NotAllowed, match="password"):
            lost_factor.finish(missing.pending, device=DEVICE)


def test_it_does_not_use_up_the_owners_waiting_times(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        enroll(user.id)
    asked = enter(client, ask(client), code_to(app, user.email)).headers["Location"]
    for _ in range(3):
        post(client, "/login/lost-factor", asked)

    with app.app_context():
        with pytest.raises(SecondFactorRequired) as owner:
            login.sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
        lost_factor.start(owner.value.pending, client=HERE)

        assert db.session.get(LostFactor, user.id) is not None


def test_it_sets_up_no_second_factor_where_one_is_required(
    make_app: Callable[..., Flask], user: User
) -> None:
    """Otherwise, someone who reads the mailbox would get a factor to confirm with."""
    app = make_app(SECOND_FACTOR="required")
    client = app.test_client()
    asked = enter(client, ask(client), code_to(app, user.email)).headers["Location"]

    shown = client.get(asked)
    begun = post(client, asked, "/login")

    assert shown.headers["Location"].startswith("/login?")
    assert begun.headers["Location"].startswith("/login?")
    assert not is_signed_in(client)
    with app.app_context():
        assert db.session.get(AuthenticatorApp, user.id) is None


def test_a_stranger_cannot_use_up_the_guesses_of_someone_with_the_link(
    app: Flask, client: FlaskClient, user: User
) -> None:
    page = ask(client)
    code, link = code_to(app, user.email), newest_to(app, user.email, LINK)
    for _ in range(6):
        enter(client, page, wrong(code))
    owner = app.test_client()

    assert post(owner, link, code=wrong(code)).status_code == 422
    assert post(owner, link, code=code).status_code == 303

    assert is_signed_in(owner)


def test_guesses_with_the_link_run_out_too(app: Flask, client: FlaskClient, user: User) -> None:
    ask(client)
    code, link = code_to(app, user.email), newest_to(app, user.email, LINK)
    other = app.test_client()
    for _ in range(5):
        assert post(other, link, code=wrong(code)).status_code == 422

    assert post(other, link, code=code).status_code == 429


def test_sensitive_pages_ask_for_the_password_after_it(
    app: Flask, client: FlaskClient, user: User
) -> None:
    enter(client, ask(client), code_to(app, user.email))

    asked = client.get("/account/second-factors")
    assert asked.headers["Location"].startswith("/account/confirm")
    post(client, asked.headers["Location"], password=PASSWORD)

    assert client.get("/account/second-factors").status_code == 200
    assert amr(client) == ["pwd"]


def test_a_new_browser_is_noticed_and_then_known(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(app.test_client())

    enter(client, ask(client), code_to(app, user.email))

    assert messages(app).count("new_device") == 1
    for name in ("access_token", "refresh_token"):
        client.delete_cookie(name)
    enter(client, ask(client), code_to(app, user.email))
    assert messages(app).count("new_device") == 1


def test_a_new_password_revokes_codes_that_were_sent(
    app: Flask, client: FlaskClient, user: User
) -> None:
    page = ask(client)
    code = code_to(app, user.email)
    owner = app.test_client()
    sign_in(owner)
    post(
        owner,
        "/password/change",
        current_password=PASSWORD,
        new_password="another four words entirely unrelated",
    )

    assert enter(client, page, code).status_code == 422
    assert not is_signed_in(client)


def test_one_mailbox_gets_only_a_few_codes(app: Flask, client: FlaskClient, user: User) -> None:
    for _ in range(7):
        ask(client)

    assert messages(app).count("email_sign_in") == 5


def test_an_operator_who_allows_codes_again_allows_these_too(
    app: Flask, client: FlaskClient, user: User
) -> None:
    page = ask(client)
    code = code_to(app, user.email)
    for _ in range(5):
        enter(client, page, wrong(code))
    assert enter(client, page, code).status_code == 429

    with app.app_context():
        users.allow_codes(user.id)

    assert enter(client, page, code).status_code == 303


def test_the_code_is_derived_and_its_request_is_deleted(
    app: Flask, client: FlaskClient, user: User
) -> None:
    ask(client)
    code = code_to(app, user.email).replace(" ", "")

    with app.app_context():
        assert db.session.scalars(db.select(EmailSignInRequest)).all() == []
        row = db.session.scalars(db.select(VerificationToken)).one()
        assert code not in f"{row.digest!r} {row.target} {row.browser_digest!r}"
