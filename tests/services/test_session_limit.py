"""An account has at most MAX_SESSIONS active sessions."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import event

from authapp.domain import sessions
from authapp.domain.sessions import SignedIn
from authapp.errors import TokenRevoked
from authapp.models import Activity, AuditEntry, EndReason, User, db
from authapp.models.transaction import transaction
from authapp.services import activity, refresh
from tests.support.accounts import HERE, add_user, start_session

LIMIT = 3

Move = Callable[..., object]


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    return make_app(MAX_SESSIONS=str(LIMIT))


def start(user_id: UUID) -> SignedIn:
    return start_session(user_id, remember=True, client=HERE)


def end_reason(session: SignedIn) -> str | None:
    try:
        sessions.authenticate(session.access_token)
    except TokenRevoked as refusal:
        return refusal.reason
    return None


@pytest.mark.usefixtures("context")
def test_a_new_session_ends_the_one_unused_for_longest(user: User, move_time: Move) -> None:
    started = [start(user.id) for _ in range(LIMIT)]
    with move_time(minutes=5):  # type: ignore[attr-defined]
        refresh.renew(started[0].refresh_token, client=HERE)

        started.append(start(user.id))

        reasons = [end_reason(each) for each in started]
        noted = activity.list_recent(user.id)[0]
    assert reasons == [None, EndReason.OVER_LIMIT, None, None]
    assert noted.activity == Activity.SIGNED_OUT_OVER_LIMIT
    assert noted.details == {"program": "Firefox", "system": "Linux"}


@pytest.mark.usefixtures("context")
def test_sessions_that_ended_do_not_count(user: User, move_time: Move) -> None:
    started = [start(user.id) for _ in range(LIMIT)]
    with move_time(days=15):  # type: ignore[attr-defined]
        later = [start(user.id) for _ in range(LIMIT)]

        assert {end_reason(each) for each in later} == {None}
        assert activity.list_recent(user.id) == []
    assert len(started) == LIMIT


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_session_that_ends_at_the_same_time_ends_once(app: Flask, user: User) -> None:
    with app.app_context():
        oldest, *_ = (start(user.id) for _ in range(LIMIT))
        left = [oldest.identity.session_id]

        def end() -> None:
            with app.app_context(), transaction():
                sessions.end(left.pop(), user.id, EndReason.SIGNED_OUT)

        @event.listens_for(db.engine, "after_cursor_execute")
        def end_after_selection(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if "OFFSET" in statement and left:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(end).result()

        start(user.id)

        found = db.session.scalars(db.select(AuditEntry).filter_by(action="session_ended")).all()
        assert left == []
        assert [each.details["reason"] for each in found] == ["signed_out"]
        assert Activity.SIGNED_OUT_OVER_LIMIT not in {
            each.activity for each in activity.list_recent(user.id)
        }


@pytest.mark.usefixtures("context")
def test_sessions_of_other_accounts_do_not_count(user: User) -> None:
    other = add_user("other@example.org")
    theirs = start(other.id)

    for _ in range(LIMIT + 1):
        start(user.id)

    assert end_reason(theirs) is None


def test_a_lower_limit_ends_all_that_exceed_it(
    app: Flask, make_app: Callable[..., Flask], user: User
) -> None:
    with app.app_context():
        started = [start(user.id) for _ in range(LIMIT)]
    with make_app(MAX_SESSIONS="1").app_context():
        started.append(start(user.id))

        reasons = [end_reason(each) for each in started]

    assert reasons == [EndReason.OVER_LIMIT] * LIMIT + [None]
