"""Purging rows that expired or were revoked long ago."""

import pytest

from authapp.models import Token, TokenUse, User, db
from authapp.services import api_tokens, purge, register, verify_email
from tests.support.accounts import HERE, PASSWORD
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


def test_registrations_that_were_not_confirmed_for_a_month_are_purged(
    user: User, move_time
) -> None:
    register.register("new@example.org", PASSWORD, client=HERE)
    verify_email.answer_requests()
    list(purge.purge())
    assert len(db.session.scalars(db.select(User.id)).all()) == 2

    with move_time(days=31):
        list(purge.purge())

    assert db.session.scalars(db.select(User.id)).all() == [user.id]
