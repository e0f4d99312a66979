"""Starting something for an account and closing it never overlap."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event

from authapp import clock
from authapp.domain import account_status
from authapp.domain.revoke_all import revoke_all
from authapp.errors import (
    AccountDisabled,
    AccountFrozen,
    CredentialsRefused,
    NotFound,
)
from authapp.models import (
    Activity,
    EndReason,
    RefreshToken,
    RevokeReason,
    Scope,
    Token,
    User,
    db,
    delete_user,
)
from authapp.security.passwords import hash_password
from authapp.services import activity, api_tokens
from authapp.services.login import sign_in
from tests.support.accounts import DEVICE, HERE, PASSWORD


def close(user: User, **columns: object) -> None:
    for name, value in columns.items():
        setattr(db.session.get(User, user.id), name, value)
    db.session.commit()


@pytest.mark.usefixtures("new_hour")
def test_only_the_right_password_reveals_that_an_account_is_frozen(
    context: None, user: User
) -> None:
    close(user, frozen_at=clock.now())

    with pytest.raises(AccountFrozen):
        sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    with pytest.raises(CredentialsRefused):
        sign_in(user.email, "not the password", remember=False, device=DEVICE)

    noted = [(each.activity, each.times) for each in activity.list_recent(user.id)]
    assert noted == [(Activity.SIGN_IN_REFUSED, 2)]


def test_a_disabled_account_looks_like_a_wrong_password(context: None, user: User) -> None:
    close(user, disabled_at=clock.now())

    with pytest.raises(CredentialsRefused):
        sign_in(user.email, PASSWORD, remember=False, device=DEVICE)


@pytest.mark.parametrize(
    ("column", "refusal"), [("disabled_at", AccountDisabled), ("frozen_at", AccountFrozen)]
)
def test_nothing_can_start_for_a_disabled_or_frozen_account(
    context: None, user: User, column: str, refusal: type[Exception]
) -> None:
    close(user, **{column: clock.now()})

    with pytest.raises(refusal):
        account_status.require_active(user.id)


def test_a_deleted_account_is_not_found(context: None, user: User) -> None:
    delete_user(user.id)
    db.session.commit()

    with pytest.raises(NotFound):
        account_status.lock(user.id)


def test_revoke_all_ends_sessions_and_tokens(context: None, user: User) -> None:
    sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    api_tokens.create(user.id, name="x", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE)

    revoke_all(user.id, EndReason.FROZEN)
    db.session.commit()

    assert [row.end_reason for row in db.session.scalars(db.select(RefreshToken))] == ["frozen"]
    assert [row.revoke_reason for row in db.session.scalars(db.select(Token))] == [
        RevokeReason.FROZEN
    ]


def test_every_reason_for_ending_all_access_is_a_revoke_reason() -> None:
    ending_all = (EndReason.DISABLED, EndReason.FROZEN, EndReason.ACCOUNT_CLOSED)

    assert {RevokeReason(reason) for reason in ending_all}


@pytest.mark.parametrize("change", ["frozen", "another password"])
def test_a_sign_in_overtaken_by_a_change_starts_no_session(
    app: Flask, context: None, user: User, change: str
) -> None:
    def overtake() -> None:
        with app.app_context():
            if change == "frozen":
                close(user, frozen_at=clock.now())
            else:
                new_hash = hash_password("another password of theirs")
                close(user, password_hash=new_hash, password_changed_at=clock.now())

    before_next_update(app, overtake)

    with pytest.raises((AccountFrozen, CredentialsRefused)):
        sign_in(user.email, PASSWORD, remember=False, device=DEVICE)

    assert db.session.scalar(db.select(db.func.count(RefreshToken.id))) == 0


def before_next_update(app: Flask, action: Callable[[], None]) -> None:
    """Run an action in another thread just before the next UPDATE of an account."""
    waiting = [action]

    @event.listens_for(db.engine, "before_cursor_execute")
    def act_before_update(
        _connection: object, _cursor: object, statement: str, *_rest: object
    ) -> None:
        if statement.startswith("UPDATE users") and waiting:
            thread = threading.Thread(target=waiting.pop())
            thread.start()
            thread.join()
