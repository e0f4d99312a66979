"""A writer that fenced and committed, and then could no longer reach Redis."""

import time
from uuid import UUID

import pytest
from flask import Flask

from authapp.domain import sessions
from authapp.models import EndReason, User, db
from authapp.token_cache import token_cache
from tests.support.applications import HURRIED
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_session
from tests.token_cache.schedules import Actor, stepping


def end_session(session_id: UUID, user: User) -> None:
    sessions.end(session_id, user.id, EndReason.SIGNED_OUT)
    db.session.commit()


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED}


def test_unsettled_fence_is_journaled_and_waited_out(
    app: Flask, user: User, redis_server: RedisServer
) -> None:
    parts = app.extensions["token_cache"]
    with app.app_context():
        session_id = add_session(user.id).id
        token_cache.get_refresh_token_by_id(session_id)
    revocation = Actor(app, lambda _: end_session(session_id, user))
    with stepping(app):
        revocation.begin()
        while revocation.waits_at != "commit":
            revocation.step()
        redis_server.freeze()
        began = time.monotonic()
        while revocation.is_alive():
            revocation.step()
    took = time.monotonic() - began

    assert revocation.error is None
    assert took >= parts.backend.trust.trust_seconds
    assert parts.database.journal_depth() > 0
    redis_server.thaw()
    assert parts.backend.trust.breaker.wait_until_closed(PATIENCE_SECONDS)
    with app.app_context():
        record = token_cache.get_refresh_token_by_id(session_id)
    assert record is not None
    assert record.end_reason == EndReason.SIGNED_OUT
    assert parts.database.journal_depth() == 0
