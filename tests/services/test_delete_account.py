"""A closed account can be kept until it is deleted; a deleted one leaves no trace."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import inspect

from authapp import clock
from authapp.delivery import outbox
from authapp.domain import sessions
from authapp.errors import (
    AccountClosing,
    CredentialsRefused,
    NotFound,
    TokenInvalid,
    TokenRevoked,
    TokenUsed,
)
from authapp.models import (
    ActivityEvent,
    OutboxMessage,
    PasswordResetRequest,
    RefreshToken,
    Scope,
    Token,
    User,
    VerificationToken,
    db,
)
from authapp.services import (
    api_tokens,
    delete_account,
    freeze_account,
    introspection,
    password_reset,
)
from authapp.services.login import sign_in
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.servers import RedisServer

GRACE = timedelta(days=14)


def enter(user: User) -> sessions.SignedIn:
    return sign_in(user.email, PASSWORD, remember=False, device=DEVICE)


def close(user: User) -> None:
    delete_account.close(enter(user).identity, PASSWORD, client=HERE)


def offer(user: User) -> str:
    with pytest.raises(AccountClosing) as refusal:
        enter(user)
    return delete_account.issue_keep_token(refusal.value.user_id)


def deliver_everything() -> None:
    for message in db.session.scalars(db.select(OutboxMessage)):
        message.sent_at = clock.now()
    db.session.commit()


def exists(user: User) -> bool:
    return db.session.scalar(db.select(User.id).where(User.id == user.id)) is not None


def test_closing_an_account_ends_all_access_at_once(context: None, user: User) -> None:
    other, signed_in = enter(user), enter(user)
    token = api_tokens.create(
        user.id, name="x", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
    )

    delete_at = delete_account.close(signed_in.identity, PASSWORD, client=HERE)

    assert abs(delete_at - clock.now() - GRACE) < timedelta(minutes=1)
    for session in (other, signed_in):
        with pytest.raises(TokenRevoked, match="account_closed"):
            sessions.authenticate(session.access_token)
    with pytest.raises(TokenRevoked, match="account_closed"):
        introspection.authenticate(token.value, address=HERE.address)
    assert outbox.list_recent()[0].message == "account_closing"


def test_a_wrong_password_closes_nothing(context: None, user: User) -> None:
    identity = enter(user).identity

    with pytest.raises(CredentialsRefused):
        delete_account.close(identity, "not the password", client=HERE)

    enter(user)


def test_an_account_can_be_kept_after_signing_in(context: None, user: User) -> None:
    close(user)

    kept = delete_account.keep(offer(user), client=HERE)

    assert sessions.authenticate(kept.access_token).user_id == user.id
    enter(user)
    assert outbox.list_recent()[0].message in ("account_kept", "new_device")


def test_an_offer_to_keep_the_account_works_once_and_for_15_minutes(
    context: None, user: User, move_time: Callable[..., object]
) -> None:
    close(user)
    first, second = offer(user), offer(user)

    with pytest.raises(TokenRevoked):
        delete_account.keep(first, client=HERE)
    with move_time(minutes=16), pytest.raises(Exception, match="has expired"):
        delete_account.keep(second, client=HERE)
    delete_account.keep(second, client=HERE)
    with pytest.raises((TokenUsed, TokenInvalid)):
        delete_account.keep(second, client=HERE)


def test_freezing_a_closed_account_prevents_its_deletion(
    context: None, user: User, move_time: Callable[..., object]
) -> None:
    close(user)
    link = outbox.list_recent()[0].body.split("/not-me/")[1].split()[0]

    freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)

    deliver_everything()
    with move_time(days=15):
        assert delete_account.delete_due() == 0
    assert exists(user)


def test_a_closed_account_is_deleted_only_after_the_grace_period(
    context: None, user: User, move_time: Callable[..., object]
) -> None:
    close(user)
    deliver_everything()

    with move_time(days=13):
        assert delete_account.delete_due() == 0
    with move_time(days=14, minutes=1):
        with pytest.raises(CredentialsRefused):
            enter(user)
        assert delete_account.delete_due() == 1
        assert delete_account.delete_due() == 0

    assert not exists(user)


def test_without_a_grace_period_the_account_is_deleted_after_the_last_email(
    make_app: Callable[..., Flask], user: User, move_time: Callable[..., object]
) -> None:
    with make_app(ACCOUNT_DELETION_GRACE="0").app_context():
        close(user)

        assert delete_account.delete_due() == 0
        with pytest.raises(CredentialsRefused):
            enter(user)
        deliver_everything()
        assert delete_account.delete_due() == 1

        assert not exists(user)


def test_an_undelivered_message_delays_the_deletion_by_a_day_at_most(
    context: None, user: User, move_time: Callable[..., object]
) -> None:
    close(user)

    with move_time(days=14, hours=23):
        assert delete_account.delete_due() == 0
    with move_time(days=15, hours=1):
        assert delete_account.delete_due() == 1


def test_a_kept_account_is_not_deleted(context: None, user: User) -> None:
    close(user)
    delete_account.keep(offer(user), client=HERE)
    deliver_everything()

    assert delete_account.delete_due() == 0


def test_a_deleted_account_is_not_found(context: None, user: User) -> None:
    delete_account.delete(user.id)

    with pytest.raises(NotFound):
        delete_account.delete(user.id)


def test_a_deleted_account_leaves_no_trace_in_the_database_or_redis(
    context: None, user: User, redis_server: RedisServer
) -> None:
    another = add_user("another@example.org")
    for each in (user, another):
        leave_traces(each)
    names, others = names_of(user), names_of(another)
    assert rows_that_name(names)
    assert entries_that_name(names, redis_server)
    kept = rows_that_name(others), entries_that_name(others, redis_server)
    email = user.email

    delete_account.delete(user.id)

    # The audit log outlives the account, and knows it, its sessions and its tokens by their ids.
    left = [row for row in rows_that_name(names) if not row.startswith("audit_entries: ")]
    assert left == []
    assert rows_that_name({email}) == []
    assert entries_that_name(names, redis_server) == []
    assert (rows_that_name(others), entries_that_name(others, redis_server)) == kept


def leave_traces(user: User) -> None:
    """Do everything a user can do, and read it back into the cache."""
    signed_in = enter(user)
    token = api_tokens.create(
        user.id, name="x", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
    )
    introspection.authenticate(token.value, address=HERE.address)
    api_tokens.list_tokens(user.id)
    sessions.authenticate(signed_in.access_token)
    sessions.list_active(signed_in.identity.user_id)
    password_reset.request(user.email.upper(), client=HERE)
    password_reset.answer_requests()
    db.session.add(PasswordResetRequest(email=user.email, address="", user_agent=""))
    db.session.commit()


def names_of(user: User) -> set[str]:
    """Return what identifies a user: their address, their id, and the ids of their rows."""
    ids = {user.id}
    for model in (Token, RefreshToken, VerificationToken, OutboxMessage, ActivityEvent):
        ids.update(db.session.scalars(db.select(model.id).where(model.user_id == user.id)))
    return {user.email, *map(str, ids), *(id.hex for id in ids)}


def rows_that_name(names: set[str]) -> list[str]:
    """Return the rows that identify a user, except tombstones: their random ids are purged."""
    tables = set(inspect(db.engine).get_table_names()) - {"cache_tombstones"}
    return sorted(
        f"{table}: {row}"
        for table in tables
        for row in db.session.execute(db.text(f"SELECT * FROM {table}"))
        if any(name in str(row) for name in names)
    )


def entries_that_name(names: set[str], redis_server: RedisServer) -> list[str]:
    with redis_server.client as client:
        keys = sorted(key.decode() for key in client.scan_iter(_type="string"))
    return [key for key in keys if any(name in key for name in names)]


def test_concurrent_workers_delete_each_due_account_once(app: Flask) -> None:
    with app.app_context():
        for number in range(8):
            add_user(f"{number}@example.org")
        for user in db.session.scalars(db.select(User)):
            user.delete_at = clock.now() - timedelta(days=1)
        db.session.commit()

    def work(_: int) -> int:
        with app.app_context():
            return delete_account.delete_due()

    with ThreadPoolExecutor(3) as pool:
        deleted = list(pool.map(work, range(3)))

    assert sum(deleted) == 8
