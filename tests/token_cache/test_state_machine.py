"""Random operations and random faults: in every process the cache answers as the database does."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from authapp import clock
from authapp.domain import signing_keys
from authapp.models import RefreshToken, Token, User, VerificationToken, db
from authapp.models.changes import delete_where, update_where
from authapp.services import keys
from authapp.token_cache import token_cache
from authapp.token_cache.records import (
    JWT_KEY,
    KINDS,
    REFRESH_TOKEN,
    TOKEN,
    VERIFICATION_TOKEN,
    Kind,
    is_unexpired,
)
from authapp.token_cache.redis.client import RedisUnavailable
from tests.support.servers import RedisServer
from tests.support.waiting import PATIENCE_SECONDS
from tests.token_cache.rows import add_link, add_session, add_token

PROCESSES = 2
MODELS = {"tokens": Token, "verification_tokens": VerificationToken, "refresh_tokens": RefreshToken}
OF_PEOPLE = st.sampled_from(sorted(MODELS))
NUMBERS = st.integers(0, 1000)


class CacheAgainstDatabase(RuleBasedStateMachine):
    """Two processes, one database, and one Redis with faults."""

    def __init__(self, apps: list[Flask], user: User, server: RedisServer) -> None:
        super().__init__()
        self.apps, self.user, self.server = apps, user, server
        self.ids: dict[str, list[UUID]] = {name: [] for name in KINDS}
        self.is_frozen = self.is_dead = False
        self.server.heal()

    @initialize()
    def begin(self) -> None:
        self.add("refresh_tokens", 0)
        with self.apps[0].app_context():
            self.ids["jwt_keys"] = [key.id for key in token_cache.get_active_jwt_keys()]

    @rule(table=OF_PEOPLE, number=NUMBERS)
    def add(self, table: str, number: int) -> None:
        with self.process(number).app_context():
            if table == "tokens":
                row: Any = add_token(self.user.id)[0]
            elif table == "verification_tokens":
                row = add_link(self.user.id)[0]
            else:
                row = add_session(self.user.id)
            self.ids[table].append(row.id)

    @rule(table=OF_PEOPLE, number=NUMBERS)
    def change_as_an_object(self, table: str, number: int) -> None:
        with self.process(number).app_context():
            row = db.session.get(MODELS[table], self.pick(table, number))
            if row is not None:
                setattr(row, _END[table], clock.now())
            db.session.commit()

    @rule(table=OF_PEOPLE, number=NUMBERS, commits=st.booleans())
    def change_on_a_condition(self, table: str, number: int, commits: bool) -> None:
        model = MODELS[table]
        with self.process(number).app_context():
            picked = model.id == self.pick(table, number)
            update_where(model, picked, **{_END[table]: clock.now()})
            if commits:
                db.session.commit()
            else:
                db.session.rollback()

    @rule(table=OF_PEOPLE, number=NUMBERS)
    def delete(self, table: str, number: int) -> None:
        model = MODELS[table]
        with self.process(number).app_context():
            delete_where(model, model.id == self.pick(table, number))
            db.session.commit()

    @rule(number=NUMBERS, revokes=st.booleans())
    def rotate_the_keys(self, number: int, revokes: bool) -> None:
        with self.process(number).app_context():
            if revokes:
                keys.revoke(signing_keys.signer().kid)
            else:
                keys.rotate(force=True)
            self.ids["jwt_keys"] = [key.id for key in keys.list_keys()]

    @rule(table=st.sampled_from(sorted(KINDS)), number=NUMBERS)
    def invalidate(self, table: str, number: int) -> None:
        with self.process(number).app_context():
            token_cache.assembly.backend.invalidate([KINDS[table].key(self.pick(table, number))])

    @rule(number=NUMBERS)
    def invalidate_all_of_the_user(self, number: int) -> None:
        with self.process(number).app_context():
            token_cache.invalidate_user_tokens(self.user.id)
            token_cache.invalidate_user_refresh_tokens(self.user.id)
            token_cache.invalidate_user_verification_tokens(self.user.id, "email_verification")

    @rule(number=NUMBERS, pattern=st.sampled_from(["*", "token:*", "refresh_token*", "jwt_key*"]))
    def delete_a_pattern(self, number: int, pattern: str) -> None:
        with self.process(number).app_context():
            token_cache.store.delete_pattern(pattern)

    @rule(number=NUMBERS)
    def flush(self, number: int) -> None:
        # If Redis is unavailable, flush raises, but older entries still can no longer be opened.
        with self.process(number).app_context(), suppress(RedisUnavailable):
            token_cache.flush()

    @precondition(lambda self: not self.is_frozen and not self.is_dead)
    @rule()
    def freeze(self) -> None:
        self.server.freeze()
        self.is_frozen = True

    @precondition(lambda self: self.is_frozen)
    @rule()
    def thaw(self) -> None:
        self.server.thaw()
        self.is_frozen = False

    @precondition(lambda self: not self.is_frozen and not self.is_dead)
    @rule(table=OF_PEOPLE, number=NUMBERS)
    def change_while_it_is_frozen(self, table: str, number: int) -> None:
        self.freeze()
        self.every_process_answers_as_the_database_does()
        self.change_on_a_condition(table, number, commits=True)
        self.recover()

    @precondition(lambda self: not self.is_dead)
    @rule(keeps=st.booleans())
    def kill(self, keeps: bool) -> None:
        if keeps and not self.is_frozen:
            with self.server.client as client:
                client.save()
        self.server.kill()
        self.is_frozen, self.is_dead = False, True

    @precondition(lambda self: self.is_dead)
    @rule()
    def restart(self) -> None:
        self.server.start()
        self.is_dead = False

    @precondition(lambda self: not self.is_frozen and not self.is_dead)
    @rule(number=NUMBERS, tampers=st.booleans())
    def mistreat_an_entry(self, number: int, tampers: bool) -> None:
        with self.server.client as client:
            names = sorted(client.scan_iter())
            if names and tampers:
                client.set(names[number % len(names)], b"v" + bytes(number), ex=60)
            elif names:
                client.delete(names[number % len(names)])

    @precondition(lambda self: self.is_frozen or self.is_dead)
    @rule()
    def recover(self) -> None:
        """Wait until every process has recovered, so that entries are used again."""
        if self.is_frozen:
            self.thaw()
        else:
            self.restart()
        for app in self.apps:
            breaker = app.extensions["token_cache"].backend.trust.breaker
            assert breaker.wait_until_closed(PATIENCE_SECONDS)

    @invariant()
    def every_process_answers_as_the_database_does(self) -> None:
        asked = [(kind, [*self.ids[kind.table.name][-6:], uuid4()]) for kind in KINDS.values()]
        with self.apps[0].app_context():
            rows = [_rows(kind, ids) for kind, ids in asked]
            listed = [_listed(kind, owner) for kind, owner in self.lists()]
        for app in self.apps:
            with app.app_context():
                assert [token_cache._get_many(kind, ids) for kind, ids in asked] == rows
                lists = [token_cache._get_all(kind, *owner) for kind, owner in self.lists()]
                assert [{record.id for record in found} for found in lists] == listed

    def lists(self) -> list[tuple[Kind[Any], tuple[Any, ...]]]:
        id = self.user.id
        links = (VERIFICATION_TOKEN, (id, "email_verification"))
        return [(TOKEN, (id,)), (REFRESH_TOKEN, (id,)), links, (JWT_KEY, ())]

    def process(self, number: int) -> Flask:
        return self.apps[number % PROCESSES]

    def pick(self, table: str, number: int) -> UUID:
        ids = self.ids[table] or [uuid4()]
        return ids[number % len(ids)]

    def teardown(self) -> None:
        self.server.heal()
        with self.apps[0].app_context():
            for model in MODELS.values():
                delete_where(model, model.user_id == self.user.id)
            db.session.commit()


_END = {"tokens": "revoked_at", "verification_tokens": "used_at", "refresh_tokens": "ended_at"}


def _rows(kind: Kind[Any], ids: list[UUID]) -> list[Any]:
    """Return the record of each row, or None, as the database has it."""
    query = kind.table.select().where(kind.table.c.id.in_(ids))
    found = {row["id"]: row for row in db.session.execute(query).mappings()}
    db.session.rollback()
    names = [field.name for field in fields(kind.record)]
    records = {id: kind.record(**{name: row[name] for name in names}) for id, row in found.items()}
    return [record if (record := records.get(id)) and is_unexpired(record) else None for id in ids]


def _listed(kind: Kind[Any], owner: tuple[Any, ...]) -> set[UUID]:
    owned = [kind.table.c[c] == v for c, v in zip(kind.owner_columns, owner, strict=True)]
    query = kind.table.select().where(kind.listed(clock.now()), *owned)
    ids = {row["id"] for row in db.session.execute(query).mappings()}
    db.session.rollback()
    return ids


@pytest.mark.long
def test_cache_answers_as_the_database_does(
    make_app: Callable[..., Flask], user: User, redis_process: RedisServer
) -> None:
    apps = [
        make_app(CACHE_TRUST="60", CACHE_TIMEOUT="50", JWT_ALGORITHM="EdDSA")
        for _ in range(PROCESSES)
    ]

    run_state_machine_as_test(
        lambda: CacheAgainstDatabase(apps, user, redis_process),
        settings=settings(
            max_examples=10,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
