"""Limits allow a burst, then a steady pace, and never lock anyone out permanently."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event

from authapp.domain import rate_limits
from authapp.domain.rate_limits import Limit
from authapp.errors import TooManyAttempts
from authapp.models import Attempt, User, db
from tests.support.servers import RedisServer

LIMIT = Limit("test", most=3, within=timedelta(minutes=3))
OTHER = Limit("other", most=3, within=timedelta(minutes=3))


def spend_all(subject: str = "somebody") -> None:
    for _ in range(LIMIT.most):
        rate_limits.spend(LIMIT, subject)


def test_a_burst_passes_and_the_next_attempt_gets_a_retry_time(context: None) -> None:
    spend_all()

    with pytest.raises(TooManyAttempts) as refusal:
        rate_limits.spend(LIMIT, "somebody")

    assert timedelta(seconds=55) < refusal.value.retry_after <= timedelta(minutes=1)


def test_one_attempt_is_allowed_after_the_retry_time(
    context: None, move_time: Callable[..., object]
) -> None:
    spend_all()

    with move_time(seconds=59), pytest.raises(TooManyAttempts):
        rate_limits.spend(LIMIT, "somebody")
    with move_time(seconds=61):
        rate_limits.spend(LIMIT, "somebody")
        with pytest.raises(TooManyAttempts):
            rate_limits.spend(LIMIT, "somebody")


def test_each_subject_has_its_own_limit(context: None) -> None:
    spend_all()

    rate_limits.spend(LIMIT, "somebody else")
    rate_limits.spend(Limit("another", 1, timedelta(hours=1)), "somebody")


def test_a_refused_attempt_does_not_extend_the_wait(context: None) -> None:
    spend_all()

    for _ in range(10):
        with pytest.raises(TooManyAttempts) as refusal:
            rate_limits.spend(LIMIT, "somebody")

    assert refusal.value.retry_after <= timedelta(minutes=1)


def test_an_attempt_counts_even_after_a_rollback(context: None) -> None:
    spend_all()
    db.session.rollback()

    with pytest.raises(TooManyAttempts):
        rate_limits.spend(LIMIT, "somebody")


def test_forgiving_restores_the_full_burst(context: None) -> None:
    spend_all()

    rate_limits.forgive(LIMIT, "somebody")
    db.session.commit()

    spend_all()


def test_concurrent_attempts_do_not_exceed_the_limit(app: Flask) -> None:
    def attempt(_: int) -> bool:
        with app.app_context():
            try:
                rate_limits.spend(LIMIT, "somebody")
            except TooManyAttempts:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        passed = sum(pool.map(attempt, range(24)))

    assert passed == LIMIT.most


def test_losing_redis_does_not_lift_the_limit(context: None, redis_server: RedisServer) -> None:
    spend_all()
    redis_server.kill()

    with pytest.raises(TooManyAttempts):
        rate_limits.spend(LIMIT, "somebody")


def test_spent_attempts_are_deleted_and_contain_no_name(
    context: None, move_time: Callable[..., object]
) -> None:
    spend_all("\ud800somebody@example.org\x00")
    (kept,) = db.session.scalars(db.select(Attempt))
    assert b"somebody" not in kept.subject
    assert rate_limits.forget_spent(10) == 0

    with move_time(minutes=4):
        assert rate_limits.forget_spent(10) == 1


def test_counting_an_attempt_holds_one_connection(context: None, user: User) -> None:
    held: list[int] = []
    pool = db.engine.pool
    event.listen(db.engine, "checkout", lambda *_: held.append(pool.checkedout()))

    db.session.get(User, user.id)
    rate_limits.spend(LIMIT, "somebody")

    assert held == [1, 1]


def test_no_more_attempts_are_deleted_than_requested(
    context: None, move_time: Callable[..., object]
) -> None:
    for limit in (LIMIT, OTHER):
        rate_limits.spend(limit, "somebody")

    with move_time(minutes=4):
        assert [rate_limits.forget_spent(1) for _ in range(3)] == [1, 1, 0]
