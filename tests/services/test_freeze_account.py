"""Freezing an account through a "This wasn't me" link: the oldest address has the last word."""

import re

import pytest
from flask import Flask

from authapp.config import current_settings
from authapp.delivery import outbox
from authapp.domain import one_time_tokens, security_notices, sessions
from authapp.errors import (
    AccountFrozen,
    InputRefused,
    TokenInvalid,
    TokenRefused,
    TokenRevoked,
    TokenUsed,
)
from authapp.models import (
    PROTECTIVE_LINKS,
    Activity,
    RefreshToken,
    Scope,
    User,
    VerificationType,
    db,
)
from authapp.services import activity, api_tokens, freeze_account, introspection, refresh
from authapp.services.login import sign_in
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.audit import audited

pytestmark = pytest.mark.usefixtures("context")

FORMER = "former@example.org"
THIEF = "thief@example.org"


def notice(user: User, to: str | None = None) -> str:
    """Send a security mail, and return the secret of its "This wasn't me" link."""
    security_notices.send(db.session.get(User, user.id), "new_device", client=HERE, to=to)
    db.session.commit()
    return secret_in(newest("new_device").body, "/not-me/")


def newest(message: str) -> outbox.OutboxMessage:
    return next(mail for mail in outbox.list_recent() if mail.message == message)


def secret_in(body: str, path: str) -> str:
    found = re.search(re.escape(path) + r"(\S+)", body)
    assert found
    return found[1]


def again(user: User) -> User:
    db.session.expire_all()
    return db.session.get(User, user.id)


def change_address(user: User, to: str) -> str:
    """Change the address, as its owner or a thief can; return the former address's link."""
    account = again(user)
    former, account.email, account.email_key = account.email, to, to
    return notice(user, to=former)


def test_freezing_ends_all_access_and_emails_how_to_unfreeze(app: Flask, user: User) -> None:
    signed_in = sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    token = api_tokens.create(
        user.id, name="x", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
    )
    link = notice(user)

    freeze_account.freeze(freeze_account.check(link), " Somebody@Example.org ", client=HERE)

    with pytest.raises(TokenRevoked, match="frozen"):
        sessions.authenticate(signed_in.access_token)
    with pytest.raises(TokenRevoked, match="frozen"):
        refresh.renew(signed_in.refresh_token, client=HERE)
    with pytest.raises(TokenRevoked, match="frozen"):
        introspection.authenticate(token.value, address=HERE.address)
    with pytest.raises(AccountFrozen):
        sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    reset = secret_in(newest("account_frozen").body, "/password/reset/")
    assert one_time_tokens.require(reset, VerificationType.PASSWORD_RESET).user_id == user.id
    assert activity.list_recent(user.id)[1].activity == Activity.ACCOUNT_FROZEN


def test_a_wrong_address_freezes_nothing_and_keeps_the_link_valid(user: User) -> None:
    link = notice(user)

    for typed in ("nobody@example.org", "", "\ud800", "x" * 10_000, "\x00"):
        with pytest.raises(InputRefused):
            freeze_account.freeze(freeze_account.check(link), typed, client=HERE)

    assert again(user).frozen_at is None
    freeze_account.check(link)


def test_a_link_works_once_and_other_links_remain_valid(user: User) -> None:
    first, second = notice(user), notice(user)
    freeze_account.freeze(freeze_account.check(first), user.email, client=HERE)

    with pytest.raises(TokenUsed):
        freeze_account.freeze(freeze_account.check(first), user.email, client=HERE)
    freeze_account.freeze(freeze_account.check(second), user.email, client=HERE)


def test_freezing_voids_pending_links(user: User) -> None:
    lifetime = current_settings().accounts.not_me_lifetime
    voided = [type for type in VerificationType if type not in PROTECTIVE_LINKS]
    asked = [
        one_time_tokens.add(again(user), type, target=THIEF, lifetime=lifetime) for type in voided
    ]
    db.session.commit()

    freeze_account.freeze(freeze_account.check(notice(user)), user.email, client=HERE)

    for value, type in zip(asked, voided, strict=True):
        with pytest.raises(TokenRevoked):
            one_time_tokens.require(value, type)


def test_a_link_for_another_purpose_is_refused(user: User) -> None:
    link = one_time_tokens.add(
        again(user),
        VerificationType.PASSWORD_RESET,
        target=user.email,
        lifetime=current_settings().accounts.not_me_lifetime,
    )
    db.session.commit()

    with pytest.raises(TokenInvalid):
        freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)


def test_the_former_address_recovers_the_account(user: User) -> None:
    link = change_address(user, THIEF)

    freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)

    assert again(user).email == again(user).email_key == user.email
    assert again(user).email_verified_at is not None
    assert newest("account_frozen").recipient == user.email
    assert newest("email_restored").recipient == THIEF
    details = [e.details for e in activity.list_recent(user.id) if e.activity == "email_restored"]
    assert details == [{"email": user.email, "instead_of": THIEF}]


def test_links_mailed_to_a_thief_cannot_retake_the_account(user: User) -> None:
    change_address(user, FORMER)
    owners = change_address(user, THIEF)
    thiefs = [notice(user), change_address(user, "second." + THIEF), notice(user)]

    freeze_account.freeze(freeze_account.check(owners), FORMER, client=HERE)

    for link, address in zip(thiefs, (THIEF, THIEF, "second." + THIEF), strict=True):
        with pytest.raises(TokenRevoked):
            freeze_account.freeze(freeze_account.check(link), address, client=HERE)
    assert again(user).email == FORMER


def test_a_thief_who_freezes_first_loses_the_account(user: User) -> None:
    owners = change_address(user, THIEF)
    thiefs = change_address(user, "second." + THIEF)
    freeze_account.freeze(freeze_account.check(thiefs), THIEF, client=HERE)
    reset = secret_in(newest("account_frozen").body, "/password/reset/")

    freeze_account.freeze(freeze_account.check(owners), user.email, client=HERE)

    assert again(user).email == user.email
    with pytest.raises(TokenRefused):
        one_time_tokens.require(reset, VerificationType.PASSWORD_RESET)


def test_an_account_is_disabled_if_its_former_address_has_another_account(
    user: User,
) -> None:
    link = change_address(user, THIEF)
    another = add_user(user.email)

    freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)

    assert again(user).email == THIEF
    assert again(user).disabled_at is not None
    assert ("system", Activity.ACCOUNT_DISABLED) in audited()
    assert again(another).frozen_at is None
    assert not [mail for mail in outbox.list_recent() if mail.message == "account_frozen"]


def test_a_failed_freeze_changes_nothing(user: User) -> None:
    sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
    link = notice(user)
    db.session.execute(db.text("DROP TABLE outbox_messages"))
    db.session.commit()

    with pytest.raises(Exception, match="outbox_messages"):
        freeze_account.freeze(freeze_account.check(link), user.email, client=HERE)
    db.session.rollback()

    assert again(user).frozen_at is None
    assert db.session.scalars(db.select(RefreshToken.ended_at)).all() == [None]
    freeze_account.check(link)
