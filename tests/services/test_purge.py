"""Purging rows that expired or were revoked long ago."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask

from authapp import clock
from authapp.domain import account_status, one_time_tokens
from authapp.models import Token, TokenUse, User, VerificationType, db
from authapp.services import api_tokens, purge, register, verify_email
from tests.support.accounts import HERE, PASSWORD
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_token

pytestmark = pytest.mark.usefixtures("context")


def test_tokens_are_purged_a_month_after_they_expire_or_are_revoked(user: User, move_time) -> None:
    expiring, for_ever, revoked = (add_token(user.id, days=days)[0].id for days in (1, None, None))
    api_tokens.revoke(user.id, revoked, client=HERE)
    db.session.add(
        TokenUse(token_id=expiring, last_used_at=purge.clock.now(), last_used_address="")
    )
    db.session.commit()

    with move_time(days=29):
        list(purge.purge())
        assert db.session.query(Token).count() == 3
    with move_time(days=32):
        list(purge.purge())

    assert [token.id for token in db.session.query(Token)] == [for_ever]
    assert db.session.query(TokenUse).count() == 0


def everyone() -> list[UUID]:
    db.session.rollback()
    return list(db.session.scalars(db.select(User.id)))


def test_accounts_that_were_not_verified_for_a_week_are_purged(user: User, move_time: Any) -> None:
    waiting = register.register("new@example.org", PASSWORD, client=HERE)
    verify_email.answer_requests()

    with move_time(days=6):
        list(purge.purge())
        assert set(everyone()) == {user.id, waiting}
    with move_time(days=8):
        list(purge.purge())

    assert everyone() == [user.id]


def test_an_account_whose_link_is_still_valid_is_not_purged(user: User, move_time: Any) -> None:
    waiting = register.register("new@example.org", PASSWORD, client=HERE)

    with move_time(days=8):
        verify_email.send_again(waiting, browser=None, client=HERE)
        verify_email.answer_requests()
        list(purge.purge())
        assert waiting in everyone()
    with move_time(days=9):
        list(purge.purge())

    assert everyone() == [user.id]


def test_an_account_that_is_verified_during_the_purge_stays(app: Flask, move_time: Any) -> None:
    """The purge waits for the transaction that verifies the address, and then leaves it alone."""
    waiting = register.register("new@example.org", PASSWORD, client=HERE)
    db.session.rollback()

    with move_time(days=8), ThreadPoolExecutor(1) as pool:
        account_status.lock(waiting).email_verified_at = clock.now()
        db.session.flush()
        purging = pool.submit(_purge, app)
        with pytest.raises(TimeoutError):
            purging.result(timeout=0.3)
        db.session.commit()
        purging.result(timeout=PATIENCE_SECONDS)

    assert everyone() == [waiting]


def test_an_account_that_gets_a_link_during_the_purge_stays(app: Flask, move_time: Any) -> None:
    waiting = register.register("new@example.org", PASSWORD, client=HERE)
    db.session.rollback()

    with move_time(days=8), ThreadPoolExecutor(1) as pool:
        user = account_status.lock(waiting)
        one_time_tokens.add(
            user, VerificationType.PASSWORD_RESET, target=user.email, lifetime=timedelta(hours=1)
        )
        db.session.flush()
        purging = pool.submit(_purge, app)
        with pytest.raises(TimeoutError):
            purging.result(timeout=0.3)
        db.session.commit()
        purging.result(timeout=PATIENCE_SECONDS)

    assert everyone() == [waiting]


def _purge(app: Flask) -> None:
    with app.app_context():
        list(purge.purge())
