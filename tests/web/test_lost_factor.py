"""The waiting time after every second factor was lost: who uses it, who stops it, and attacks."""

import re
import threading
from collections.abc import Callable

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func

from authapp import clock
from authapp.delivery import outbox
from authapp.domain import security_notices
from authapp.domain.factors import second_factors as factors
from authapp.errors import Conflict, DomainError, SecondFactorRequired
from authapp.models import Activity, ActivityEvent, LostFactor, User, db
from authapp.models.transaction import transaction
from authapp.services import (
    freeze_account,
    login,
    login_code,
    lost_factor,
    password_reset,
    purge,
    second_factors,
    users,
)
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.applications import answer_requests
from tests.support.browsing import cookie, is_signed_in, post, sign_in
from tests.support.messages import newest_to
from tests.support.second_factors import code_of, enroll

NEW_PASSWORD = "another four words entirely unrelated"
PAGE, FINISH = "/login/lost-factor", "/login/lost-factor/finish"
STOP_LINK = r"http://[^/]+(/lost-factor/stop/\S+)"
FORMER = "former@example.org"


@pytest.fixture
def secret(app: Flask, user: User) -> str:
    """The secret of the user's authenticator app, which is lost."""
    with app.app_context():
        return enroll(user.id)[0]


def enter_password(client: FlaskClient, email: str = "somebody@example.org") -> str:
    """Enter the right password, and return the flow of the pending sign-in."""
    answer = post(client, "/login", email=email, password=PASSWORD)
    found = re.search(r"flow=(\w+)", answer.headers["Location"])
    assert found
    return found[1]


def begin(client: FlaskClient, email: str = "somebody@example.org") -> None:
    """Start the waiting time."""
    answer = post(client, PAGE, f"{PAGE}?flow={enter_password(client, email)}")
    assert answer.status_code == 303


def finish(client: FlaskClient) -> None:
    """Enter the password, and use the waiting time if the page offers it."""
    page = client.get(f"{PAGE}?flow={enter_password(client)}").get_data(as_text=True)
    flow = re.search(r'name="flow" value="(\w+)"', page)
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    if flow and token:
        client.post(FINISH, data={"flow": flow[1], "csrf_token": token[1]})


def pending_of(user: User) -> str:
    with pytest.raises(SecondFactorRequired) as required:
        login.sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    return required.value.pending


def mails(app: Flask, message: str) -> list[str]:
    """Return the recipients of every email of one kind, sorted."""
    with app.app_context():
        return sorted(each.recipient for each in outbox.list_recent() if each.message == message)


def activities(app: Flask, user: User) -> list[str]:
    with app.app_context():
        found = db.select(ActivityEvent.activity).where(ActivityEvent.user_id == user.id)
        return list(db.session.scalars(found))


def waits(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(db.select(func.count()).select_from(LostFactor)) or 0


def test_an_owner_waits_and_signs_in_with_the_password_alone(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    client = app.test_client()
    begin(client)

    with move_time(hours=73):
        finish(client)

        assert is_signed_in(client)
        claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
        assert claims["amr"] == ["pwd"]
        other = app.test_client()
        sign_in(other)
        assert is_signed_in(other)
    assert mails(app, "lost_factor_used") == [user.email]
    assert {Activity.LOST_FACTOR_STARTED, Activity.SECOND_FACTOR_REMOVED} <= set(
        activities(app, user)
    )
    assert waits(app) == 0


def test_using_it_signs_every_other_device_out(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    lost_phone, client = app.test_client(), app.test_client()
    flow = enter_password(lost_phone)
    post(lost_phone, "/login/code", f"/login/code?flow={flow}", code=code_of(secret))
    begin(client)

    with move_time(hours=73):
        finish(client)

    assert not is_signed_in(lost_phone)
    page = lost_phone.get("/login").get_data(as_text=True)
    assert "two-step sign-in was turned off" in page


@pytest.mark.parametrize("hours", [0, 36, 71.9])
def test_it_cannot_be_used_early(
    app: Flask, user: User, secret: str, move_time: Callable[..., object], hours: float
) -> None:
    client = app.test_client()
    begin(client)

    with move_time(hours=hours):
        finish(client)

        assert not is_signed_in(client)
        with app.app_context(), pytest.raises(Conflict):
            lost_factor.finish(pending_of(user), device=DEVICE)


def test_it_lapses_a_week_after_its_end(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    client = app.test_client()
    begin(client)

    with move_time(days=3 + 7, hours=1):
        finish(client)
        assert not is_signed_in(client)
        begin(client)

    assert mails(app, "lost_factor_started") == [user.email] * 2


def test_it_cannot_be_started_or_used_without_the_password(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    begin(app.test_client())
    stranger = app.test_client()

    with move_time(hours=73):
        for path in (PAGE, FINISH):
            answer = post(stranger, path, "/login")
            assert answer.headers["Location"].startswith("/login")
        assert stranger.get(PAGE).headers["Location"].startswith("/login")

    assert not is_signed_in(stranger)


def test_a_pending_sign_in_that_expired_starts_nothing(
    app: Flask, client: FlaskClient, secret: str, move_time: Callable[..., object]
) -> None:
    page = f"{PAGE}?flow={enter_password(client)}"
    form = client.get(page).get_data(as_text=True)
    token = re.findall(r'name="(flow|csrf_token)" value="([^"]+)"', form)

    with move_time(minutes=11):
        answer = client.post(PAGE, data=dict(token))

    assert answer.headers["Location"].startswith("/login")
    assert waits(app) == 0


def test_a_sign_in_whose_factor_was_removed_starts_nothing(
    app: Flask, client: FlaskClient, user: User, secret: str
) -> None:
    page = f"{PAGE}?flow={enter_password(client)}"
    with app.app_context():
        second_factors.remove_all(user.id)

    answer = post(client, PAGE, page)

    assert answer.headers["Location"].startswith("/login")
    assert waits(app) == 0


def test_every_address_is_warned_and_a_confirmed_phone_is_texted(
    app: Flask, user: User, secret: str
) -> None:
    with app.app_context(), transaction():
        row = db.session.get_one(User, user.id)
        row.phone, row.phone_verified_at = "+447400123456", clock.now()
        security_notices.send(row, "email_changed", client=HERE, to=FORMER, former=FORMER,
                              until=clock.now())  # fmt: skip

    begin(app.test_client())

    assert mails(app, "lost_factor_started") == ["+447400123456", FORMER, user.email]
    stranger = app.test_client()
    link = newest_to(app, FORMER, STOP_LINK)
    assert post(stranger, link, email=FORMER).status_code == 200
    assert waits(app) == 0
    assert mails(app, "lost_factor_stopped") == [FORMER, user.email]


def test_a_former_address_is_not_warned_once_it_cannot_undo_the_change(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    with app.app_context(), transaction():
        row = db.session.get_one(User, user.id)
        security_notices.send(row, "new_device", client=HERE, to=FORMER)

    with move_time(days=8):
        begin(app.test_client())

    assert mails(app, "lost_factor_started") == [user.email]


def test_the_owner_is_reminded_halfway_and_at_the_end(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    begin(app.test_client())

    for hours in (35, 37, 71, 73, 100, 24 * 11):
        with move_time(hours=hours):
            answer_requests(app)
            answer_requests(app)

    assert mails(app, "lost_factor_reminder") == [user.email]
    assert mails(app, "lost_factor_over") == [user.email]


def test_the_link_of_a_reminder_stops_it(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    client = app.test_client()
    begin(client)

    with move_time(hours=73):
        link = newest_to(app, user.email, STOP_LINK)
        assert post(app.test_client(), link, email=user.email).status_code == 200
        finish(client)

    assert not is_signed_in(client)


def test_a_scanner_that_opens_the_link_and_presses_its_button_stops_nothing(
    app: Flask, user: User, secret: str
) -> None:
    begin(app.test_client())
    link, scanner = newest_to(app, user.email, STOP_LINK), app.test_client()

    opened = [scanner.get(link).status_code, scanner.head(link).status_code]
    pressed = post(scanner, link)

    assert opened == [200, 200]
    assert pressed.status_code == 422
    assert waits(app) == 1


def test_a_link_is_refused_once_it_was_stopped(app: Flask, user: User, secret: str) -> None:
    client = app.test_client()
    begin(client)
    link = newest_to(app, user.email, STOP_LINK)
    post(client, link, email=user.email)
    begin(client)

    assert client.get(link).status_code == 410
    assert waits(app) == 1


def test_the_link_of_another_account_stops_nothing(app: Flask, user: User, secret: str) -> None:
    with app.app_context():
        enroll(add_user("thief@example.org").id)
    begin(app.test_client())
    thief = app.test_client()
    begin(thief, "thief@example.org")
    link = newest_to(app, "thief@example.org", STOP_LINK)

    assert post(thief, link, email=user.email).status_code == 422
    assert post(thief, link, email="thief@example.org").status_code == 200
    with app.app_context():
        assert db.session.get(LostFactor, user.id) is not None


def test_another_accounts_session_must_enter_the_address(
    app: Flask, user: User, secret: str
) -> None:
    with app.app_context():
        add_user("other@example.org")
    begin(app.test_client())
    other = app.test_client()
    sign_in(other, "other@example.org")

    assert post(other, newest_to(app, user.email, STOP_LINK)).status_code == 422
    assert post(other, "/account/lost-factor/stop", "/account").status_code == 303
    assert waits(app) == 1


def test_a_signed_in_device_shows_it_and_stops_it_without_the_password(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    device, thief = app.test_client(), app.test_client()
    flow = enter_password(device)
    post(device, "/login/code", f"/login/code?flow={flow}", code=code_of(secret))
    assert "Stop this" not in device.get("/account").get_data(as_text=True)
    begin(thief)

    with move_time(minutes=20):
        for path in ("/account", "/account/activity", "/password/change"):
            assert "Stop this" in device.get(path).get_data(as_text=True), path
        assert "Stop this" not in device.get("/").get_data(as_text=True)
        answer = post(device, "/account/lost-factor/stop", "/account")

    assert answer.headers["Location"] == "/password/change"
    assert "Stop this" not in device.get("/account").get_data(as_text=True)
    assert mails(app, "lost_factor_stopped") == [user.email]
    with move_time(hours=73):
        finish(thief)
    assert not is_signed_in(thief)


def test_signing_in_with_a_factor_stops_it(app: Flask, user: User, secret: str) -> None:
    client = app.test_client()
    begin(client)

    flow = enter_password(client)
    post(client, "/login/code", f"/login/code?flow={flow}", code=code_of(secret))

    assert waits(app) == 0
    assert Activity.LOST_FACTOR_STOPPED in activities(app, user)


@pytest.mark.parametrize("how", ["reset", "freeze", "disable", "remove"])
def test_what_protects_the_account_stops_it_too(
    app: Flask, user: User, secret: str, how: str, move_time: Callable[..., object]
) -> None:
    client = app.test_client()
    begin(client)
    with app.app_context():
        if how == "reset":
            reset(app, user)
        elif how == "freeze":
            link = newest_to(app, user.email, STOP_LINK)
            with transaction():
                row = db.session.get_one(User, user.id)
                security_notices.send(row, "new_device", client=HERE)
            value = newest_to(app, user.email, r"/not-me/(\S+)")
            freeze_account.freeze(freeze_account.check(value), user.email, client=HERE)
            assert client.get(link).status_code == 410
        elif how == "disable":
            users.disable(user.id)
            users.enable(user.id)
        else:
            second_factors.remove_all(user.id)
            enroll(user.id)

    assert waits(app) == 0


def reset(app: Flask, user: User) -> None:
    password_reset.request(user.email, client=HERE)
    password_reset.answer_requests()
    link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
    password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)


def test_a_pending_sign_in_from_before_a_new_password_starts_nothing(
    app: Flask, user: User, secret: str
) -> None:
    with app.app_context():
        value = pending_of(user)
        reset(app, user)

        with pytest.raises(DomainError):
            lost_factor.start(value, client=HERE)
    assert waits(app) == 0


def test_the_mailbox_alone_is_never_enough(app: Flask, user: User, secret: str) -> None:
    """A password that an emailed link set starts nothing until a factor was used with it."""
    with app.app_context():
        reset(app, user)
    client = app.test_client()
    answer = post(client, "/login", email=user.email, password=NEW_PASSWORD)
    page = answer.headers["Location"].replace("/login/code", PAGE)

    shown = client.get(page).get_data(as_text=True)
    refused = post(client, PAGE, answer.headers["Location"])

    assert "Start the waiting time" not in shown
    assert refused.status_code == 303
    assert waits(app) == 0
    with app.app_context():
        value = post_code(app, user, secret)
        lost_factor.start(value, client=HERE)
    assert waits(app) == 1


def post_code(app: Flask, user: User, secret: str) -> str:
    """Sign in with the new password and a code, and return another pending sign-in."""
    with pytest.raises(SecondFactorRequired) as first:
        login.sign_in(user.email, NEW_PASSWORD, remember=False, device=DEVICE)
    login_code.complete_sign_in(first.value.pending, code_of(secret), device=DEVICE)
    with pytest.raises(SecondFactorRequired) as second:
        login.sign_in(user.email, NEW_PASSWORD, remember=False, device=DEVICE)
    return second.value.pending


def test_starting_again_and_again_is_limited_until_the_password_changes(
    app: Flask, user: User, secret: str
) -> None:
    client = app.test_client()
    for _ in range(2):
        begin(client)
        with app.app_context():
            lost_factor.stop(user.id, client=HERE)

    answer = post(client, PAGE, f"{PAGE}?flow={enter_password(client)}")

    assert answer.status_code == 429
    assert "Try again" in answer.get_data(as_text=True)
    assert len(mails(app, "lost_factor_started")) == 2
    assert waits(app) == 0


def test_starting_twice_goes_on_and_warns_once(app: Flask, user: User, secret: str) -> None:
    with app.app_context():
        value = pending_of(user)
        lost_factor.start(value, client=HERE)
        lost_factor.start(value, client=HERE)

    assert len(mails(app, "lost_factor_started")) == 1


def test_stopping_and_using_it_at_the_same_time_have_one_winner(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    begin(app.test_client())
    outcomes: dict[str, bool] = {}
    barrier = threading.Barrier(2)

    def run(name: str, act: Callable[[], object]) -> None:
        with app.app_context():
            barrier.wait()
            try:
                act()
                outcomes[name] = True
            except DomainError:
                outcomes[name] = False

    with move_time(hours=73):
        with app.app_context():
            value = pending_of(user)
        threads = [
            threading.Thread(target=run, args=each)
            for each in (
                ("stop", lambda: lost_factor.stop(user.id, client=HERE)),
                ("finish", lambda: lost_factor.finish(value, device=DEVICE)),
            )
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(outcomes.values()) == [False, True]
    with app.app_context():
        assert factors.is_enrolled(user.id) is outcomes["stop"]


def test_it_can_be_turned_off(
    make_app: Callable[..., Flask], app: Flask, user: User, secret: str,
    move_time: Callable[..., object],
) -> None:  # fmt: skip
    begin(app.test_client())
    off = make_app(LOST_FACTOR_WAIT="0")
    client = off.test_client()

    with move_time(hours=73):
        flow = enter_password(client)
        page = client.get(f"/login/code?flow={flow}").get_data(as_text=True)
        refused = client.get(f"{PAGE}?flow={flow}")
        answer_requests(off)

    assert "/login/lost-factor" not in page
    assert refused.status_code == 404
    assert mails(app, "lost_factor_over") == []


def test_an_operator_sees_and_stops_it(app: Flask, user: User, secret: str) -> None:
    begin(app.test_client())
    runner = app.test_cli_runner()

    shown = runner.invoke(args=["users", "show", user.email]).output
    stopped = runner.invoke(args=["users", "stop-lost-factor", user.email])
    again = runner.invoke(args=["users", "stop-lost-factor", user.email])

    assert re.search(r"second_factor_lost_until +20", shown)
    assert stopped.exit_code == 0
    assert again.exit_code == 1
    assert mails(app, "lost_factor_stopped") == [user.email]


def test_lapsed_ones_are_purged_after_a_month(
    app: Flask, user: User, secret: str, move_time: Callable[..., object]
) -> None:
    begin(app.test_client())

    with app.app_context():
        list(purge.purge())
        assert waits(app) == 1
        with move_time(days=41):
            list(purge.purge())

    assert waits(app) == 0


def test_its_links_are_not_used_for_anything_else(app: Flask, user: User, secret: str) -> None:
    begin(app.test_client())
    value = newest_to(app, user.email, r"/lost-factor/stop/(\S+)")

    for path in ("/not-me/", "/verify/email/", "/account/email/"):
        assert app.test_client().get(path + value).status_code == 410
