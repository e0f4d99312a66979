"""Limits on guessing: each works on the page and in the API, and none keeps an owner out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain import one_time_tokens
from authapp.models import Activity, ActivityEvent, User, VerificationType, db
from authapp.services import activity, sign_in_blocks
from tests.support.accounts import PASSWORD, add_user
from tests.support.browsing import is_signed_in, post, sign_in
from tests.support.costs import measured

# What depends on the kind of database is tested in test_rate_limits.py.
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("new_hour"),
]

NEW_PASSWORD = "another four words entirely unrelated"
KNOWN, UNKNOWN = "somebody@example.org", "nobody@example.org"

Move = Callable[..., Any]
MakeApp = Callable[..., Flask]


class Guess(NamedTuple):
    """A wrong password, for an address, from a client."""

    email: str
    password: str
    address: str


def on_page(client: FlaskClient, email: str, password: str) -> int:
    return post(client, "/login", email=email, password=password).status_code


def in_api(client: FlaskClient, email: str, password: str) -> int:
    body = {"email": email, "password": password}
    # Refused: 401 here, 422 on the page.
    status = client.post("/api/v1/login", json=body).status_code
    return {200: 303, 401: 422}.get(status, status)


Enter = Callable[[FlaskClient, str, str], int]

EVERY_ENTRY = pytest.mark.parametrize("enter", [on_page, in_api])


def by_account(number: int) -> Guess:
    return Guess(KNOWN, f"wrong password number {number}", f"198.51.{number}.1")


def by_unknown_account(number: int) -> Guess:
    return by_account(number)._replace(email=UNKNOWN)


def by_client(number: int) -> Guess:
    return Guess(f"{number}@example.org", f"wrong password number {number}", "198.51.100.7")


def by_ipv6_client(number: int) -> Guess:
    return by_client(number)._replace(address=f"2001:db8:1:2::{number:x}")


def by_site(number: int) -> Guess:
    return by_client(number)._replace(address=f"198.51.100.{number}")


def by_ipv6_site(number: int) -> Guess:
    return by_client(number)._replace(address=f"2001:db8:1:{number:x}::1")


def by_password(number: int) -> Guess:
    return Guess(f"{number}@example.org", "Winter2026Winter!", f"198.51.{number}.1")


def overall(number: int) -> Guess:
    return by_password(number)._replace(password=f"wrong password number {number}")


LIMITS = {
    "LIMIT_SIGN_IN": [by_account, by_unknown_account],
    "LIMIT_SIGN_IN_BY_CLIENT": [by_client, by_ipv6_client],
    "LIMIT_SIGN_IN_BY_SITE": [by_site, by_ipv6_site],
    "LIMIT_SIGN_IN_BY_PASSWORD": [by_password],
    "LIMIT_SIGN_IN_OVERALL": [overall],
}
"""Each limit, and guesses that have in common only what it counts by."""

EVERY_LIMIT = pytest.mark.parametrize(
    ("setting", "guesses"), [(name, each) for name, found in LIMITS.items() for each in found]
)


def try_out(app: Flask, guess: Guess, enter: Enter = in_api) -> int:
    """Make a guess in a new browser, and return its status."""
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = guess.address
    return enter(client, guess.email, guess.password)


@EVERY_LIMIT
@EVERY_ENTRY
def test_each_limit_pauses_guesses_that_have_its_subject_in_common(
    make_app: MakeApp, move_time: Move, setting: str, guesses: Callable[[int], Guess], enter: Enter
) -> None:
    app = make_app(**{setting: "3/3m"})
    with app.app_context():
        add_user(KNOWN)

    statuses = [try_out(app, guesses(number), enter) for number in range(4)]

    assert statuses == [422, 422, 422, 429]
    with move_time(seconds=61):
        assert [try_out(app, guesses(number), enter) for number in (5, 6)] == [422, 429]


def sign_in_many(app: Flask, number: int, address: str) -> list[int]:
    with app.app_context():
        for index in range(number):
            add_user(f"user{index}@example.org")
    emails = [f"user{index}@example.org" for index in range(number)]
    return [try_out(app, Guess(email, PASSWORD, address)) for email in emails]


def test_only_failures_count(make_app: MakeApp) -> None:
    """Otherwise an office behind one address would be shut out in the morning."""
    app = make_app(**dict.fromkeys(LIMITS, "3/3m"))

    statuses = sign_in_many(app, 9, "198.51.100.7")

    assert statuses == [303] * 9
    assert [try_out(app, by_client(number)) for number in range(4)] == [422, 422, 422, 429]


@pytest.mark.parametrize(
    ("networks", "is_trusted"),
    [("198.51.100.0/24", True), ("192.0.2.0/24,2001:db8::/32", False), ("2001:db8::/32", False)],
)
def test_trusted_networks_have_no_limits_by_client_and_site(
    make_app: MakeApp, networks: str, is_trusted: bool
) -> None:
    limits = {"LIMIT_SIGN_IN_BY_CLIENT": "3/3m", "LIMIT_SIGN_IN_BY_SITE": "3/3m"}
    app = make_app(TRUSTED_NETWORKS=networks, **limits)

    statuses = [try_out(app, by_client(number)) for number in range(4)]

    assert statuses[3] == (422 if is_trusted else 429)


def test_a_trusted_network_cannot_guess_without_end(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_NETWORKS="0.0.0.0/0", LIMIT_SIGN_IN="3/3m")

    assert [try_out(app, by_account(number)) for number in range(4)] == [422, 422, 422, 429]


def test_a_client_that_repeats_itself_counts_once_for_the_password(make_app: MakeApp) -> None:
    app = make_app(LIMIT_SIGN_IN_BY_PASSWORD="3/3m")
    mistaken = Guess(KNOWN, "Winter2026Winter!", "198.51.100.7")

    for _ in range(5):
        assert try_out(app, mistaken) == 422

    assert [try_out(app, by_password(number)) for number in range(3)] == [422, 422, 429]


@pytest.mark.parametrize("spelling", ["Winter2026Winter!", "\uff37inter2026Winter!"])
def test_spellings_of_a_password_share_its_limit(make_app: MakeApp, spelling: str) -> None:
    app = make_app(LIMIT_SIGN_IN_BY_PASSWORD="3/3m")
    for number in range(3):
        try_out(app, by_password(number))

    assert try_out(app, by_password(9)._replace(password=spelling)) == 429


@EVERY_LIMIT
def test_no_stranger_locks_an_owner_out_of_a_known_browser(
    make_app: MakeApp, setting: str, guesses: Callable[[int], Guess]
) -> None:
    app = make_app(**{setting: "3/3m"})
    with app.app_context():
        add_user(KNOWN)
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = guesses(0).address
    sign_in(client)
    post(client, "/logout", page="/account")
    for number in range(4):
        try_out(app, guesses(number))

    sign_in(client)

    assert is_signed_in(client)
    assert try_out(app, guesses(4)) == 429, "strangers are still paused"


# Blocking


@pytest.fixture
def strict(make_app: MakeApp) -> Flask:
    """An application that blocks sign-in after three failures in a row."""
    app = make_app(LIMIT_SIGN_IN_IN_A_ROW="3")
    with app.app_context():
        add_user(KNOWN)
    return app


def block(app: Flask, email: str = KNOWN) -> None:
    for number in range(3):
        assert try_out(app, by_account(number)._replace(email=email)) == 422


def mails(app: Flask, message: str) -> list[str]:
    with app.app_context():
        sign_in_blocks.answer_blocks()
        return [mail.body for mail in outbox.list_recent() if mail.message == message]


def reset_password(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        owner = db.session.scalars(db.select(User).filter_by(email=KNOWN)).one()
        link = one_time_tokens.add(
            owner, VerificationType.PASSWORD_RESET, target=KNOWN, lifetime=timedelta(hours=1)
        )
        db.session.commit()
    page = client.get(f"/password/reset/{link}").headers["Location"]
    answer = post(client, "/password/reset/new", page=page, new_password=NEW_PASSWORD)
    assert answer.headers["Location"] == "/password/reset/done"


@EVERY_ENTRY
@pytest.mark.parametrize("email", [KNOWN, UNKNOWN, "no address"])
def test_slow_guessing_ends_the_same_way_for_every_address(
    strict: Flask, move_time: Move, email: str, enter: Enter
) -> None:
    statuses = []
    for day in range(5):
        with move_time(days=30 * day):
            statuses.append(try_out(strict, by_account(day)._replace(email=email), enter))

    assert statuses == [422, 422, 422, 429, 429]
    with move_time(days=364):
        assert try_out(strict, Guess(email, PASSWORD, "192.0.2.1"), enter) == 429


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
def test_a_block_says_what_to_do(strict: Flask, email: str) -> None:
    block(strict, email)
    client = strict.test_client()

    html = post(client, "/login", email=email, password=PASSWORD).get_data(as_text=True)
    answer = client.post("/api/v1/login", json={"email": email, "password": PASSWORD})

    assert "Sign-in on this device is blocked after too many incorrect passwords." in html
    assert 'href="/password/reset">Reset your password</a> to sign in here' in html
    assert answer.json["type"] == "urn:authapp:problem:sign-in-blocked"


def test_the_owner_is_told_of_a_block_once(strict: Flask) -> None:
    block(strict)
    block(strict, UNKNOWN)
    for number in range(3):
        try_out(strict, by_account(number))

    (mail,) = mails(strict, "sign_in_blocked")

    assert "3 times" in mail
    assert "/password/reset\n" in mail
    with strict.app_context():
        owner = db.session.scalars(db.select(User).filter_by(email=KNOWN)).one()
        events = [each.activity for each in activity.list_recent(owner.id)]
    assert events == [Activity.SIGN_IN_BLOCKED, Activity.SIGN_IN_REFUSED]


def test_signing_in_on_a_known_device_ends_a_block(make_app: MakeApp) -> None:
    app = make_app(LIMIT_SIGN_IN_IN_A_ROW="3")
    with app.app_context():
        add_user(KNOWN)
    client = app.test_client()
    sign_in(client)
    post(client, "/logout", page="/account")
    block(app)

    sign_in(client)

    assert try_out(app, Guess(KNOWN, PASSWORD, "192.0.2.1")) == 303


def test_signing_in_on_a_known_device_gives_strangers_no_more_guesses(make_app: MakeApp) -> None:
    """Otherwise they could guess without end, and unnoticed, at an owner who signs in daily."""
    app = make_app(LIMIT_SIGN_IN_IN_A_ROW="3")
    with app.app_context():
        add_user(KNOWN)
    client = app.test_client()
    for number in range(3):
        sign_in(client)
        post(client, "/logout", page="/account")
        assert try_out(app, by_account(number)) == 422

    assert try_out(app, by_account(3)) == 429


def test_a_correct_password_in_an_unknown_browser_ends_the_row(strict: Flask) -> None:
    for _ in range(2):
        for number in range(2):
            assert try_out(strict, by_account(number)) == 422
        assert try_out(strict, Guess(KNOWN, PASSWORD, "192.0.2.1")) == 303


def test_after_a_reset_the_owner_can_sign_in_while_strangers_go_on(strict: Flask) -> None:
    block(strict)
    client = strict.test_client()
    assert on_page(client, KNOWN, PASSWORD) == 429

    reset_password(strict, client)
    block(strict)

    assert on_page(client, KNOWN, NEW_PASSWORD) == 303


def test_a_reset_also_ends_the_block_of_the_owners_own_browser(strict: Flask) -> None:
    client = strict.test_client()
    sign_in(client)
    post(client, "/logout", page="/account")
    assert [on_page(client, KNOWN, f"mistyped {n}") for n in range(4)] == [422, 422, 422, 429]

    reset_password(strict, strict.test_client())

    assert on_page(client, KNOWN, NEW_PASSWORD) == 303


# Recording


def refusals(app: Flask) -> list[tuple[int, str | None]]:
    with app.app_context():
        found = db.select(ActivityEvent).filter_by(activity=Activity.SIGN_IN_REFUSED)
        events = db.session.scalars(found.order_by(ActivityEvent.created_at))
        return [(event.times, event.address) for event in events]


@pytest.mark.parametrize("email", [KNOWN, UNKNOWN])
def test_failures_of_an_hour_share_an_entry_in_the_activity(
    app: Flask, user: User, move_time: Move, email: str
) -> None:
    for number in range(5):
        try_out(app, by_account(number)._replace(email=email))
    with move_time(minutes=61):
        try_out(app, by_account(5)._replace(email=email))

    assert refusals(app) == [(5, "198.51.4.1"), (1, "198.51.5.1")]


def test_the_activity_shows_how_often_sign_in_failed(app: Flask, user: User) -> None:
    for number in range(5):
        try_out(app, by_account(number))
    client = app.test_client()
    sign_in(client)

    assert "5 times" in client.get("/account/activity").get_data(as_text=True)


def statements(app: Flask, guess: Guess) -> list[str]:
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = guess.address
    with measured() as cost:
        in_api(client, guess.email, guess.password)
    return [each[:40] for each in cost.statements if "cache" not in each]


def test_every_failure_takes_the_same_work_with_and_without_an_account(strict: Flask) -> None:
    """The first, the repeated, the one that blocks, and the one that is refused."""
    # From its first request, the process remembers the signing keys.
    statements(strict, by_account(9)._replace(email="first@example.org"))
    works = {
        email: [statements(strict, by_account(n)._replace(email=email)) for n in range(4)]
        for email in (UNKNOWN, KNOWN, "other@example.org")
    }

    assert works[KNOWN] == works[UNKNOWN] == works["other@example.org"]
