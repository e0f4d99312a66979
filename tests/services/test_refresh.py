"""A refresh token has one successor, even for retries; an old copy ends the session."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event

from authapp import clock
from authapp.delivery import outbox
from authapp.domain import sessions
from authapp.domain.client import Client
from authapp.domain.sessions import SignedIn
from authapp.errors import TokenExpired, TokenInvalid, TokenRevoked
from authapp.models import Activity, EndReason, RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.services import activity
from authapp.services.refresh import renew
from authapp.services.step_up import confirm_password
from tests.support.accounts import HERE, PASSWORD, start_session
from tests.support.servers import RedisServer

ELSEWHERE = Client("203.0.113.9", "curl/8.5")
OVERLAP = 60
SKEW = 60
THREADS = 12

Move = Callable[..., object]


def begin(user: User, *, remember: bool = False) -> SignedIn:
    return start_session(user.id, remember=remember, client=HERE)


def row_of(signed_in: SignedIn) -> RefreshToken:
    row = db.session.get(RefreshToken, signed_in.identity.session_id, populate_existing=True)
    assert row is not None
    return row


def mails_about_reuse() -> list[str]:
    return [mail.body for mail in outbox.list_recent() if mail.message == "session_reused"]


def change(session_id: UUID, **values: object) -> None:
    update_where(RefreshToken, RefreshToken.id == session_id, **values)
    db.session.commit()


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Record the first word of every statement that the application's own connections run."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement.split(maxsplit=1)[0])

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def test_renewing_returns_the_next_token(context: None, user: User) -> None:
    first = begin(user)

    second = renew(first.refresh_token, client=ELSEWHERE)

    assert second.refresh_token != first.refresh_token
    assert sessions.authenticate(second.access_token).session_id == first.identity.session_id
    assert row_of(first).generation == 1
    assert row_of(first).last_used_address == ELSEWHERE.address
    assert row_of(first).created_address == HERE.address


def test_a_retry_after_a_lost_response_gets_the_same_successor(
    context: None, user: User, move_time: Move
) -> None:
    first = begin(user)
    second = renew(first.refresh_token, client=HERE)

    with move_time(seconds=OVERLAP - 1):
        again = renew(first.refresh_token, client=HERE)

        assert again.refresh_token == second.refresh_token
        assert sessions.authenticate(again.access_token).user_id == user.id
    assert row_of(first).generation == 1


def test_the_overlap_starts_at_the_rotation_and_retries_do_not_extend_it(
    context: None, user: User, move_time: Move
) -> None:
    first = begin(user)
    renew(first.refresh_token, client=HERE)
    with move_time(seconds=OVERLAP - 5):
        renew(first.refresh_token, client=HERE)

    with move_time(seconds=OVERLAP + 5), pytest.raises(TokenInvalid):
        renew(first.refresh_token, client=HERE)

    with move_time(seconds=OVERLAP + SKEW + 5), pytest.raises(TokenRevoked) as refusal:
        renew(first.refresh_token, client=HERE)

    assert refusal.value.reason == EndReason.REUSE_SEEN


def test_a_token_is_treated_as_stolen_once_its_successor_was_used(
    context: None, user: User
) -> None:
    first = begin(user)
    second = renew(first.refresh_token, client=HERE)
    third = renew(second.refresh_token, client=HERE)

    with pytest.raises(TokenRevoked) as refusal:
        renew(first.refresh_token, client=ELSEWHERE)

    assert refusal.value.reason == EndReason.REUSE_SEEN
    with pytest.raises(TokenRevoked):
        sessions.authenticate(third.access_token)
    for token in (first, second, third):
        with pytest.raises(TokenRevoked) as refusal:
            renew(token.refresh_token, client=HERE)
        assert refusal.value.reason == EndReason.REUSE_SEEN


def test_the_previous_token_works_while_the_current_one_is_unused(
    context: None, user: User
) -> None:
    first = begin(user)
    second = renew(first.refresh_token, client=HERE)
    third = renew(second.refresh_token, client=HERE)

    assert renew(second.refresh_token, client=HERE).refresh_token == third.refresh_token


def test_a_stolen_copy_is_recorded_and_the_owner_notified_once(context: None, user: User) -> None:
    other = begin(user)
    first = begin(user)
    second = renew(first.refresh_token, client=HERE)
    renew(second.refresh_token, client=HERE)

    for _ in range(3):
        with pytest.raises(TokenRevoked):
            renew(first.refresh_token, client=ELSEWHERE)

    (mail,) = mails_about_reuse()
    assert ELSEWHERE.address in mail
    assert "Firefox on Linux" in mail
    assert "/not-me/" in mail
    noted = [event.activity for event in activity.list_recent(user.id)]
    assert noted.count(Activity.REUSE_SEEN) == 1
    assert sessions.authenticate(other.access_token), "other sessions go on"


def test_concurrent_old_copies_end_the_session_once(app: Flask, user: User) -> None:
    with app.app_context():
        first = begin(user)
        renew(renew(first.refresh_token, client=HERE).refresh_token, client=HERE)

    def present(_: int) -> str:
        with app.app_context():
            try:
                renew(first.refresh_token, client=ELSEWHERE)
            except TokenRevoked as refusal:
                return refusal.reason
        return "renewed"

    with ThreadPoolExecutor(THREADS) as pool:
        answers = list(pool.map(present, range(THREADS)))

    assert set(answers) == {EndReason.REUSE_SEEN}
    with app.app_context():
        assert len(mails_about_reuse()) == 1


@pytest.mark.parametrize("redis", ["at work", "away"])
def test_concurrent_renewals_get_one_successor(
    app: Flask, user: User, redis_server: RedisServer, redis: str
) -> None:
    with app.app_context():
        first = begin(user)
    if redis == "away":
        redis_server.kill()

    def present(_: int) -> str:
        with app.app_context():
            return renew(first.refresh_token, client=HERE).refresh_token

    with ThreadPoolExecutor(THREADS) as pool:
        successors = set(pool.map(present, range(THREADS * 4)))

    assert len(successors) == 1
    with app.app_context():
        assert row_of(first).generation == 1
        assert row_of(first).ended_at is None


def test_a_rotation_is_one_update_and_a_retry_changes_nothing(app: Flask, user: User) -> None:
    with app.app_context():
        first = begin(user)
    with app.app_context(), statements(app) as winners:
        renew(first.refresh_token, client=HERE)
        rotated = row_of(first).rotated_at
    with app.app_context(), statements(app) as losers:
        renew(first.refresh_token, client=HERE)

    # The first SELECT reads the row that is written through to the cache; the second explains why
    # no row was updated.
    assert winners[:2] == losers == ["UPDATE", "SELECT"]
    with app.app_context():
        assert row_of(first).rotated_at == rotated


def test_a_token_newer_than_a_restored_backup_is_not_treated_as_stolen(
    context: None, user: User
) -> None:
    first = begin(user)
    second = renew(first.refresh_token, client=HERE)
    third = renew(second.refresh_token, client=HERE)
    change(first.identity.session_id, generation=0)

    for token in (second, third):
        with pytest.raises(TokenInvalid):
            renew(token.refresh_token, client=HERE)

    assert row_of(first).ended_at is None
    assert mails_about_reuse() == []
    assert renew(first.refresh_token, client=HERE).refresh_token == second.refresh_token


def test_a_deleted_session_is_refused(context: None, user: User) -> None:
    first = begin(user)
    db.session.delete(row_of(first))
    db.session.commit()

    with pytest.raises(TokenInvalid):
        renew(first.refresh_token, client=HERE)


def test_a_forged_token_triggers_no_lookup_and_ends_no_session(app: Flask, user: User) -> None:
    with app.app_context():
        first = begin(user)
        id, generation, mac = first.refresh_token.split(".")
        forged = [
            f"{id}.{int(generation) + 1}.{mac}",
            f"{id}.0.{mac[::-1]}",
            f"{id}.0.",
            id,
            "",
            "é",
        ]
        with statements(app) as seen:
            for value in forged:
                with pytest.raises(TokenInvalid):
                    renew(value, client=HERE)

        assert seen == []
        assert row_of(first).ended_at is None


@pytest.mark.parametrize("reason", [EndReason.SIGNED_OUT, EndReason.DISABLED, EndReason.FROZEN])
def test_an_ended_session_is_refused_with_its_reason(
    context: None, user: User, reason: EndReason, move_time: Move
) -> None:
    first = begin(user)
    sessions.end_all(user.id, reason)
    db.session.commit()

    for moment in (move_time(seconds=0), move_time(hours=13)):
        with moment, pytest.raises(TokenRevoked) as refusal:
            renew(first.refresh_token, client=HERE)
        assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("remember", "lasts", "reason"),
    [(True, timedelta(days=14), EndReason.IDLE), (False, timedelta(hours=12), EndReason.TOO_OLD)],
)
def test_an_unused_session_lasts_until_its_limit(
    context: None,
    user: User,
    move_time: Move,
    remember: bool,
    lasts: timedelta,
    reason: EndReason,
) -> None:
    used, unused = begin(user, remember=remember), begin(user, remember=remember)

    with move_time(seconds=lasts.total_seconds() - 5):
        assert renew(used.refresh_token, client=HERE)
    with move_time(seconds=lasts.total_seconds() + 1), pytest.raises(TokenExpired) as refusal:
        renew(unused.refresh_token, client=HERE)

    assert refusal.value.reason == reason


def test_use_moves_the_idle_limit_but_not_the_absolute_one(
    context: None, user: User, move_time: Move
) -> None:
    token = begin(user, remember=True)
    began_at = clock.now()
    for day in range(13, 90, 13):
        with move_time(days=day):
            token = renew(token.refresh_token, client=HERE)

    assert timedelta(days=90) - (row_of(token).expires_at - began_at) < timedelta(minutes=1)
    with move_time(days=89, hours=23, minutes=59):
        token = renew(token.refresh_token, client=HERE)
        assert token.access_expires_at == row_of(token).absolute_expires_at
    with move_time(days=90, minutes=1), pytest.raises(TokenExpired) as refusal:
        renew(token.refresh_token, client=HERE)
    assert refusal.value.reason == EndReason.TOO_OLD


def test_use_does_not_extend_a_short_session(context: None, user: User, move_time: Move) -> None:
    token = begin(user, remember=False)
    for hour in range(1, 12):
        with move_time(hours=hour):
            token = renew(token.refresh_token, client=HERE)
            assert token.refresh_expires_at is None

    with move_time(hours=12, seconds=1), pytest.raises(TokenExpired) as refusal:
        renew(token.refresh_token, client=HERE)
    assert refusal.value.reason == EndReason.TOO_OLD


def test_a_token_from_a_former_secret_key_can_be_renewed(
    make_app: Callable[..., Flask], environ: dict[str, str], user: User
) -> None:
    with make_app().app_context():
        first = begin(user)
    former = environ["SECRET_KEY"]
    changed = {"SECRET_KEY": former[::-1], "SECRET_KEY_FALLBACKS": former}

    with make_app(**changed).app_context():
        second = renew(first.refresh_token, client=HERE)
        assert renew(second.refresh_token, client=HERE)
    with make_app(SECRET_KEY=former[::-1]).app_context(), pytest.raises(TokenInvalid):
        renew(first.refresh_token, client=HERE)


def test_confirming_the_password_does_not_sign_out_another_tab(context: None, user: User) -> None:
    first = begin(user)

    proven = confirm_password(first.identity, PASSWORD, client=HERE)
    late = renew(first.refresh_token, client=HERE)

    assert late.refresh_token == proven.refresh_token


def overtaken(app: Flask, first: SignedIn, times: int) -> str:
    """Renew while others rotate between reading the session and claiming the rotation."""
    overtakers = iter([lambda: rotate_elsewhere(app, first.refresh_token, times)])

    def overtake(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE refresh_tokens"):
            for rotate in overtakers:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(rotate).result()

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", overtake)
        try:
            return renew(first.refresh_token, client=HERE).refresh_token
        finally:
            event.remove(db.engine, "before_cursor_execute", overtake)


def rotate_elsewhere(app: Flask, refresh_token: str, times: int) -> None:
    with app.app_context():
        for _ in range(times):
            refresh_token = renew(refresh_token, client=ELSEWHERE).refresh_token


def test_an_overtaken_renewal_returns_the_same_successor_without_a_write(
    app: Flask, user: User
) -> None:
    with app.app_context():
        first = begin(user)

    late = overtaken(app, first, times=1)

    with app.app_context():
        assert renew(first.refresh_token, client=HERE).refresh_token == late
        assert row_of(first).generation == 1
        assert row_of(first).last_used_address == ELSEWHERE.address


def test_a_renewal_overtaken_twice_does_not_reset_the_generation(app: Flask, user: User) -> None:
    with app.app_context():
        first = begin(user)

    with pytest.raises(TokenRevoked):
        overtaken(app, first, times=2)

    with app.app_context():
        assert row_of(first).generation == 2
