"""An attacker who can write to Redis cannot restore an ended record."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, insert, select

from authapp import clock
from authapp.models import (
    CacheTombstone,
    EndReason,
    JWTKey,
    KeyState,
    RefreshToken,
    Token,
    User,
    VerificationToken,
    db,
)
from authapp.models.base import table_of
from authapp.models.changes import delete_where, update_where
from authapp.services import purge
from authapp.token_cache import token_cache
from authapp.token_cache.coherence import tombstones
from authapp.token_cache.coherence.tombstones import Tombstone, Tombstones
from authapp.token_cache.counters import Event
from authapp.token_cache.entries import RowEntry
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, TOKEN, VERIFICATION_TOKEN, is_active
from authapp.token_cache.redis.change_log import KEY as CHANGE_LOG
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_link, add_session, add_token

_table = table_of(CacheTombstone)


def add_of(kind: Any, user: User) -> UUID:
    if kind is TOKEN:
        return add_token(user.id)[0].id
    if kind is VERIFICATION_TOKEN:
        return add_link(user.id)[0].id
    if kind is JWT_KEY:
        id = db.session.scalar(select(JWTKey.id).where(JWTKey.state == KeyState.ACTIVE))
        assert id is not None
        return id
    return add_session(user.id).id


def end(kind: Any, id: UUID) -> None:
    now = clock.now()
    model, values = {
        TOKEN.name: (Token, {"revoked_at": now}),
        VERIFICATION_TOKEN.name: (VerificationToken, {"used_at": now}),
        REFRESH_TOKEN.name: (RefreshToken, {"ended_at": now, "end_reason": EndReason.SIGNED_OUT}),
        JWT_KEY.name: (JWTKey, {"state": KeyState.REVOKED, "revoked_at": now}),
    }[kind.name]
    assert update_where(model, model.id == id, **values)  # type: ignore[attr-defined]
    db.session.commit()


def delete(kind: Any, id: UUID) -> None:
    model = {TOKEN.name: Token, VERIFICATION_TOKEN.name: VerificationToken,
             REFRESH_TOKEN.name: RefreshToken, JWT_KEY.name: JWTKey}[kind.name]  # fmt: skip
    assert delete_where(model, model.id == id)
    db.session.commit()


def read(app: Flask, kind: Any, id: UUID) -> Any:
    with app.app_context():
        return token_cache.assembly.reader.read([RowEntry(kind, id)])[0]


def next_check(app: Flask) -> None:
    """Move past the current check of Redis, which lasts CACHE_TRUST from its start."""
    app.extensions["token_cache"].backend.trust.distrust()
    app.extensions["token_cache"].reader._local._trusted_until = 0.0


def refused_copies(app: Flask) -> int:
    return app.extensions["token_cache"].counters.counted(Event.ENDED_COPY)


def stored() -> int:
    return db.session.scalar(select(func.count()).select_from(_table)) or 0


@pytest.mark.parametrize("change", [end, delete])
@pytest.mark.parametrize(
    "kind", [TOKEN, VERIFICATION_TOKEN, REFRESH_TOKEN, JWT_KEY], ids=lambda kind: kind.name
)
def test_restored_copy_is_refused(
    make_app: Callable[..., Flask],
    redis_server: RedisServer,
    user: User,
    kind: Any,
    change: Callable[[Any, UUID], None],
) -> None:
    here, there = make_app(), make_app()
    with here.app_context():
        id = add_of(kind, user)
    assert is_active(read(there, kind, id))
    copy = redis_server.client.get(kind.key(id))
    with here.app_context():
        change(kind, id)
    redis_server.client.set(kind.key(id), copy)

    next_check(there)
    found = read(there, kind, id)

    assert found is None or not is_active(found)
    assert refused_copies(there) == 1


def test_remembered_copy_is_forgotten(
    make_app: Callable[..., Flask], redis_server: RedisServer, user: User
) -> None:
    """The copy is put back, and read, before the process checks Redis again."""
    here, there = make_app(), make_app(CACHE_TRUST="5000", CACHE_LOCAL_TRUST="100")
    with here.app_context():
        id = add_session(user.id).id
    read(there, REFRESH_TOKEN, id)
    copy = redis_server.client.get(REFRESH_TOKEN.key(id))
    with here.app_context():
        end(REFRESH_TOKEN, id)
    redis_server.client.set(REFRESH_TOKEN.key(id), copy)
    there.extensions["token_cache"].reader._local._trusted_until = 0.0
    assert is_active(read(there, REFRESH_TOKEN, id))

    next_check(there)

    assert not is_active(read(there, REFRESH_TOKEN, id))


def test_hiding_a_change_log_entry_gains_nothing(
    make_app: Callable[..., Flask], redis_server: RedisServer, user: User
) -> None:
    here, there = make_app(), make_app()
    with here.app_context():
        id = add_session(user.id).id
    read(there, REFRESH_TOKEN, id)
    copy = redis_server.client.get(REFRESH_TOKEN.key(id))
    with here.app_context():
        end(REFRESH_TOKEN, id)
    [(entry, _)] = redis_server.client.xrevrange(CHANGE_LOG, count=1)
    redis_server.client.xdel(CHANGE_LOG, entry)
    redis_server.client.set(REFRESH_TOKEN.key(id), copy)

    next_check(there)

    assert not is_active(read(there, REFRESH_TOKEN, id))


def test_only_ending_a_record_leaves_a_tombstone(context: None, user: User) -> None:
    id = add_session(user.id).id
    update_where(RefreshToken, RefreshToken.id == id, generation=1)
    db.session.commit()
    assert stored() == 0

    end(REFRESH_TOKEN, id)

    assert stored() == 1


def test_rollback_leaves_no_tombstone(context: None, user: User) -> None:
    id = add_session(user.id).id
    update_where(RefreshToken, RefreshToken.id == id, ended_at=clock.now())
    db.session.rollback()

    assert stored() == 0


def test_purge_leaves_no_tombstones_and_deletes_old_ones(
    context: None, user: User, move_time: Callable[..., Any]
) -> None:
    ended, expired = add_session(user.id).id, add_session(user.id).id
    end(REFRESH_TOKEN, ended)

    with move_time(days=365):
        list(purge.purge())

        assert db.session.get(RefreshToken, expired) is None
        assert stored() == 0


def test_too_many_tombstones_begin_a_new_epoch(
    make_app: Callable[..., Flask],
    redis_server: RedisServer,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tombstones, "MOST", 3)
    here, there = make_app(), make_app()
    with here.app_context():
        ids = [add_session(user.id).id for _ in range(5)]
    for id in ids:
        read(there, REFRESH_TOKEN, id)
    copies = {id: redis_server.client.get(REFRESH_TOKEN.key(id)) for id in ids}
    epoch = there.extensions["token_cache"].backend.trust.epoch
    with here.app_context():
        for id in ids:
            end(REFRESH_TOKEN, id)
    for id, copy in copies.items():
        redis_server.client.set(REFRESH_TOKEN.key(id), copy)

    next_check(there)

    assert [is_active(read(there, REFRESH_TOKEN, id)) for id in ids] == [False] * 5
    assert there.extensions["token_cache"].backend.trust.epoch > epoch
    with here.app_context():
        assert stored() < 5


def test_tombstone_committed_after_one_with_a_higher_id_is_read(
    make_app: Callable[..., Flask], database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite has one writer")
    database = make_app().extensions["token_cache"].database
    known, engine, now = Tombstones(), create_engine(database_url), clock.now()
    row = {"created_at": now, "expires_at": now + timedelta(hours=1)}

    def catch_up() -> None:
        known.add(database.tombstones(after=known.settled, most=100))

    with engine.begin() as slow:
        slow.execute(insert(_table), {"key": "slow", **row})
        with engine.begin() as fast:
            fast.execute(insert(_table), {"key": "fast", **row})
        catch_up()
        assert "fast" in known
        assert "slow" not in known
    catch_up()
    engine.dispose()

    assert "slow" in known
    assert list(known.take_news()) == ["fast", "slow"]
    assert known.settled == known.highest


def test_process_stops_waiting_for_uncommitted_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    known, now = Tombstones(), clock.now()

    def tombstone(id: int) -> Tombstone:
        return Tombstone(id, f"key {id}", now, now + timedelta(hours=1))

    known.add([tombstone(7)])
    known.add([tombstone(7), tombstone(9)])
    assert known.settled == 0
    monkeypatch.setattr(tombstones, "SETTLED_AFTER", timedelta())
    known.add([])

    assert known.settled == 9
    assert sorted(known.take_news()) == ["key 7", "key 9"]
