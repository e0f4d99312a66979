"""API tokens: what their owners and the programs that present them can rely on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from flask import Flask

from authapp import clock
from authapp.domain.api_tokens import TokenIdentity, revoke_all
from authapp.errors import (
    Conflict,
    DomainError,
    InputRefused,
    LimitReached,
    NotAllowed,
    NotFound,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
)
from authapp.models import RevokeReason, Scope, Token, User, db
from authapp.security.opaque_tokens import make_api_token, parse_api_token
from authapp.services import api_tokens, introspection
from authapp.services.api_tokens import NewToken
from tests.support.accounts import HERE, add_user

pytestmark = pytest.mark.usefixtures("context")

DAY = timedelta(days=1)


def create(user: User, *scopes: str, name: str = "backup", days: float | None = 30) -> NewToken:
    expires_at = None if days is None else clock.now() + timedelta(days=days)
    wanted = scopes or (Scope.ACCOUNT_READ,)
    return api_tokens.create(user.id, name=name, scopes=wanted, expires_at=expires_at, client=HERE)


def authenticate(token: NewToken) -> TokenIdentity:
    principal = introspection.authenticate(token.value, address=HERE.address)
    assert isinstance(principal, TokenIdentity)
    return principal


def listed(user: User) -> list[api_tokens.ListedToken]:
    return api_tokens.list_tokens(user.id)


def test_a_token_identifies_its_owner_and_scopes(user: User) -> None:
    made = create(user, Scope.TOKENS_READ, Scope.ACCOUNT_READ)

    identity = authenticate(made)

    assert identity.user_id == user.id
    assert identity.token_id == made.id
    assert identity.scopes == {Scope.ACCOUNT_READ, Scope.TOKENS_READ}


def test_only_a_digest_of_the_secret_is_stored(user: User) -> None:
    made = create(user)

    row = db.session.get(Token, made.id)

    assert row.last_four == made.value[-4:]
    kept = [str(value) for value in vars(row).values()]
    assert not any(made.value[26:60] in value for value in kept)


@pytest.mark.parametrize("value", ["", "aut_", "x" * 75, "aut_" + "0" * 71, "\ud800", "é" * 75])
def test_text_that_is_not_a_token_is_refused(value: str) -> None:
    with pytest.raises(TokenInvalid):
        introspection.authenticate(value, address=HERE.address)


def test_one_tokens_id_with_anothers_secret_is_refused(user: User) -> None:
    first, second = create(user), create(user)
    secret = parse_api_token("aut", second.value).secret
    mixed = make_api_token("aut", first.id, secret)

    with pytest.raises(TokenInvalid):
        introspection.authenticate(mixed, address=HERE.address)


def test_an_expired_token_is_refused(user: User, move_time) -> None:
    made = create(user, days=30)
    authenticate(made)

    with move_time(days=30, seconds=1):
        with pytest.raises(TokenExpired):
            authenticate(made)
        assert listed(user) == []


def test_a_token_without_an_expiry_never_expires(user: User, move_time) -> None:
    made = create(user, days=None)

    with move_time(days=4000):
        assert authenticate(made).token_id == made.id


def test_a_revoked_token_is_refused_and_no_longer_listed(user: User) -> None:
    made = create(user)
    authenticate(made)

    api_tokens.revoke(user.id, made.id, client=HERE)

    with pytest.raises(TokenRevoked) as refused:
        authenticate(made)
    assert refused.value.reason == RevokeReason.REVOKED
    assert listed(user) == []
    with pytest.raises(NotFound):
        api_tokens.revoke(user.id, made.id, client=HERE)


def test_another_process_refuses_a_revoked_token_at_once(user: User, make_app) -> None:
    elsewhere: Flask = make_app()
    made = create(user)
    with elsewhere.app_context():
        authenticate(made)

    api_tokens.revoke(user.id, made.id, client=HERE)

    with elsewhere.app_context(), pytest.raises(TokenRevoked):
        authenticate(made)


def test_a_rotated_token_works_alongside_its_successor_for_the_overlap(
    user: User, move_time
) -> None:
    old = create(user, Scope.TOKENS_READ, name="deploy", days=90)

    new = api_tokens.rotate(user.id, old.id, overlap=DAY, client=HERE)

    assert authenticate(old).token_id == old.id
    assert authenticate(new).scopes == {Scope.TOKENS_READ}
    successor = api_tokens.get_token(user.id, new.id)
    assert successor.name == "deploy"
    assert successor.expires_at - clock.now() > timedelta(days=89)
    with move_time(days=1, seconds=1):
        with pytest.raises(TokenRevoked) as refused:
            authenticate(old)
        assert refused.value.reason == RevokeReason.REPLACED
        assert authenticate(new).token_id == new.id


def test_without_an_overlap_the_old_token_stops_at_once(user: User) -> None:
    old = create(user, days=None)
    authenticate(old)

    new = api_tokens.rotate(user.id, old.id, overlap=timedelta(), client=HERE)

    with pytest.raises(TokenRevoked):
        authenticate(old)
    assert authenticate(new).token_id == new.id
    assert [each.token.id for each in listed(user)] == [new.id]
    assert api_tokens.get_token(user.id, new.id).expires_at is None


def test_rotating_never_extends_the_old_token(user: User) -> None:
    old = create(user, days=1)
    until = api_tokens.get_token(user.id, old.id).expires_at

    api_tokens.rotate(user.id, old.id, overlap=7 * DAY, client=HERE)

    assert api_tokens.get_token(user.id, old.id).expires_at == until


def test_a_token_can_be_rotated_once(user: User) -> None:
    old = create(user)
    api_tokens.rotate(user.id, old.id, overlap=DAY, client=HERE)

    with pytest.raises(Conflict):
        api_tokens.rotate(user.id, old.id, overlap=DAY, client=HERE)

    assert len(listed(user)) == 2


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=31)])
def test_an_overlap_out_of_range_is_refused(user: User, overlap: timedelta) -> None:
    made = create(user)

    with pytest.raises(InputRefused):
        api_tokens.rotate(user.id, made.id, overlap=overlap, client=HERE)


def test_a_renamed_token_is_the_same_token(user: User) -> None:
    made = create(user)

    api_tokens.rename(user.id, made.id, "  ночная копия ")

    assert [each.token.name for each in listed(user)] == ["ночная копия"]
    assert authenticate(made).token_id == made.id


def test_another_users_token_is_not_found(user: User) -> None:
    made, other = create(user), add_user("other@example.org")

    for attempt in (
        lambda: api_tokens.get_token(other.id, made.id),
        lambda: api_tokens.rename(other.id, made.id, "mine"),
        lambda: api_tokens.rotate(other.id, made.id, overlap=DAY, client=HERE),
        lambda: api_tokens.revoke(other.id, made.id, client=HERE),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert authenticate(made).user_id == user.id


@pytest.mark.parametrize(
    ("name", "reason"),
    [("", "missing"), ("  ", "missing"), ("x" * 101, "too_long"), ("a\x00b", "unprintable"),
     ("\ud800", "unprintable"), ("\u200d", "unprintable"), ("a\nb", "unprintable"),
     ("\u202egnp", "unprintable")],
)  # fmt: skip
def test_an_unreadable_name_is_refused(user: User, name: str, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        create(user, name=name)

    assert (refused.value.field, refused.value.reason) == ("name", reason)


@pytest.mark.parametrize(
    ("scopes", "reason"), [([], "missing"), (["admin"], "unknown"), (["account:read x"], "unknown")]
)
def test_missing_or_unknown_scopes_are_refused(user: User, scopes: list[str], reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        api_tokens.create(user.id, name="x", scopes=scopes, expires_at=None, client=HERE)

    assert (refused.value.field, refused.value.reason) == ("scopes", reason)


@pytest.mark.parametrize(("days", "reason"), [(-1, "past"), (0, "past"), (4000, "too_far")])
def test_an_expiry_out_of_range_is_refused(user: User, days: float, reason: str) -> None:
    with pytest.raises(InputRefused) as refused:
        create(user, days=days)

    assert refused.value.reason == reason


def test_a_token_cannot_create_one_with_more_scopes(user: User) -> None:
    granted = frozenset({Scope.TOKENS_WRITE})
    strong = create(user, Scope.SESSIONS_WRITE)

    with pytest.raises(NotAllowed):
        api_tokens.create(
            user.id,
            name="x",
            scopes=[Scope.SESSIONS_WRITE],
            expires_at=None,
            client=HERE,
            granted=granted,
        )
    with pytest.raises(NotAllowed):
        api_tokens.rotate(user.id, strong.id, overlap=DAY, client=HERE, granted=granted)
    assert len(listed(user)) == 1


def test_an_idempotency_key_creates_one_token_per_user(user: User) -> None:
    def create_with_key(owner: User, key: str) -> NewToken:
        return api_tokens.create(
            owner.id, name="x", scopes=["sessions:write"], expires_at=None, client=HERE, key=key
        )

    create_with_key(user, "a")
    with pytest.raises(Conflict):
        create_with_key(user, "a")
    create_with_key(user, "\ud800")
    create_with_key(add_user("other@example.org"), "a")

    assert len(listed(user)) == 2


def test_the_number_of_tokens_per_user_is_limited(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "MOST", 2)
    first = create(user)
    create(user)

    with pytest.raises(LimitReached):
        create(user)

    api_tokens.rotate(user.id, first.id, overlap=DAY, client=HERE)
    api_tokens.revoke(user.id, first.id, client=HERE)
    assert len(listed(user)) == 2


def test_revoke_all_revokes_every_token_of_the_user(user: User, make_app) -> None:
    mine, other = create(user), create(add_user("other@example.org"))
    with make_app().app_context():
        authenticate(mine)

    assert revoke_all(user.id, RevokeReason.DISABLED) == 1
    db.session.commit()

    with pytest.raises(TokenRevoked) as refused:
        authenticate(mine)
    assert refused.value.reason == RevokeReason.DISABLED
    assert authenticate(other)


def test_a_disabled_account_gets_no_token(user: User) -> None:
    made = create(user)
    db.session.get(User, user.id).disabled_at = clock.now()
    db.session.commit()

    with pytest.raises(NotAllowed):
        create(user)
    with pytest.raises(NotAllowed):
        api_tokens.rotate(user.id, made.id, overlap=DAY, client=HERE)


def at_once(app: Flask, *calls: Callable[[], object]) -> list[object]:
    """Run each call in its own thread, and return each result or exception type."""

    def run(call: Callable[[], object]) -> object:
        with app.app_context():
            try:
                return call()
            except DomainError as error:
                return type(error)

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_concurrent_creation_does_not_exceed_the_limit(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_tokens, "MOST", 3)

    ended = at_once(app, *[lambda: create(user)] * 6)

    assert ended.count(LimitReached) == 3
    assert len(listed(user)) == 3


def test_concurrent_requests_with_one_key_create_one_token(app: Flask, user: User) -> None:
    def ask() -> NewToken:
        return api_tokens.create(
            user.id,
            name="x",
            scopes=["sessions:write"],
            expires_at=None,
            client=HERE,
            key="one form",
        )

    ended = at_once(app, *[ask] * 6)

    assert ended.count(Conflict) == 5
    assert len(listed(user)) == 1


def test_concurrent_rotations_have_one_successor(app: Flask, user: User) -> None:
    old = create(user)

    ended = at_once(
        app, *[lambda: api_tokens.rotate(user.id, old.id, overlap=DAY, client=HERE)] * 6
    )

    (new,) = [each for each in ended if isinstance(each, NewToken)]
    assert ended.count(Conflict) == 5
    assert {each.token.id for each in listed(user)} == {old.id, new.id}


def test_a_token_revoked_during_a_rotation_is_refused(app: Flask, user: User) -> None:
    old = create(user)

    rotated, revoked = at_once(
        app,
        lambda: api_tokens.rotate(user.id, old.id, overlap=DAY, client=HERE),
        lambda: api_tokens.revoke(user.id, old.id, client=HERE),
    )

    assert revoked is None
    with pytest.raises(TokenRevoked):
        authenticate(old)
    assert len(listed(user)) == isinstance(rotated, NewToken)
