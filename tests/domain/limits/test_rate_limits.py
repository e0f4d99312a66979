"""Limits allow a burst, then a steady pace, and never lock anyone out permanently."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import event

from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count, Limit
from authapp.errors import Overloaded, TooManyAttempts
from authapp.models import Attempt, User, db
from tests.support.servers import RedisServer

LIMIT = Limit("test", most=3, within=timedelta(minutes=3))
OTHER = Limit("other", most=3, within=timedelta(minutes=3))


def spend_all(subject: str = "somebody") -> None:
    for _ in range(LIMIT.most):
        rate_limits.spend(LIMIT, subject)


def left(subject: str = "somebody", limit: Limit = LIMIT) -> int:
    """Return how many attempts are left, having used them."""
    return sum(rate_limits.allows(limit, subject) for _ in range(limit.most + 1))


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


BOTH = [Count(LIMIT, "somebody"), Count(OTHER, "all")]


def test_attempts_that_one_limit_refuses_count_against_none(context: None) -> None:
    spend_all()

    with pytest.raises(TooManyAttempts) as refusal:
        rate_limits.spend_all(BOTH)

    assert refusal.value.limit == LIMIT.name
    assert left("all", OTHER) == OTHER.most


def test_the_longest_wait_is_reported(context: None) -> None:
    slow = Limit("slow", most=1, within=timedelta(days=9))
    counts = [Count(LIMIT, "somebody"), Count(slow, "somebody"), Count(OTHER, "somebody")]
    rate_limits.spend(slow, "somebody")
    spend_all()

    with pytest.raises(TooManyAttempts) as refusal:
        rate_limits.spend_all(counts)

    assert refusal.value.limit == "slow"
    assert refusal.value.retry_after > timedelta(days=8)


def test_the_last_attempt_reports_which_limits_it_used_up(context: None) -> None:
    rate_limits.spend(LIMIT, "somebody")

    used_up = [rate_limits.spend_all(BOTH) for _ in range(2)]

    assert used_up == [frozenset(), {LIMIT.name}]


def test_given_back_attempts_do_not_count(context: None) -> None:
    for _ in range(3 * LIMIT.most):
        rate_limits.spend_all(BOTH)
        rate_limits.give_back(BOTH)

    assert (left(), left("all", OTHER)) == (LIMIT.most, OTHER.most)


def test_giving_back_never_allows_more_than_the_burst(context: None) -> None:
    rate_limits.spend_all(BOTH)
    for _ in range(5):
        rate_limits.give_back(BOTH)

    assert left() == LIMIT.most


def test_concurrent_attempts_do_not_exceed_a_limit_that_they_give_back(app: Flask) -> None:
    """Counting only afterwards would let any number of guesses run at the same time."""
    running, most_running = [], []

    def attempt(_: int) -> None:
        with app.app_context():
            try:
                rate_limits.spend_all(BOTH)
            except TooManyAttempts:
                return
            running.append(1)
            most_running.append(len(running))
            running.pop()
            rate_limits.give_back(BOTH)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(attempt, range(40)))

    assert max(most_running) <= LIMIT.most
    with app.app_context():
        assert left() == LIMIT.most


def test_an_attempt_that_the_server_is_too_busy_for_does_not_count(context: None) -> None:
    for _ in range(2 * LIMIT.most):
        rate_limits.spend_all(BOTH)
        with pytest.raises(Overloaded), rate_limits.unless_unavailable(BOTH):
            raise Overloaded

    assert left() == LIMIT.most


def test_only_a_used_up_limit_is_reopened(context: None) -> None:
    rate_limits.spend(LIMIT, "careful")
    spend_all()
    for subject in ("careful", "somebody"):
        rate_limits.reopen(LIMIT, subject)
    db.session.commit()

    assert (left("careful"), left()) == (LIMIT.most - 1, LIMIT.most)
