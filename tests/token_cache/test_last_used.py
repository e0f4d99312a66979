"""When and from where API tokens were last used, recorded without a write during any request."""

import subprocess
import sys
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event

from authapp import ROOT, clock
from authapp.models import TokenUse, User, db
from authapp.models.changes import delete_where
from authapp.models.token import Token
from authapp.token_cache import last_used, token_cache
from authapp.token_cache.last_used import LastUsed
from tests.token_cache.rows import add_token


@pytest.fixture
def waiting(app: Flask) -> LastUsed:
    return app.extensions["token_cache"].last_used


def read(id) -> TokenUse | None:
    db.session.rollback()
    return db.session.get(TokenUse, id)


def test_use_is_visible_once_written(context, user: User, waiting: LastUsed) -> None:
    token = add_token(user.id)[0]
    token_cache.record_token_use(token.id, "192.0.2.7")
    assert read(token.id) is None

    waiting.write()

    used = read(token.id)
    assert used.last_used_address == "192.0.2.7"
    assert clock.now() - used.last_used_at < timedelta(seconds=30)


def test_many_uses_are_written_together(context, user: User, waiting: LastUsed) -> None:
    token = add_token(user.id)[0]
    written = []
    event.listen(waiting._engine, "before_cursor_execute", lambda *call: written.append(call[2]))
    for number in range(200):
        token_cache.record_token_use(token.id, f"192.0.2.{number}")

    waiting.write()

    assert len([statement for statement in written if "INSERT" in statement]) == 1
    assert read(token.id).last_used_address == "192.0.2.199"


def test_use_does_not_invalidate_the_cached_token(context, user: User, waiting: LastUsed) -> None:
    token, value = add_token(user.id)
    token_cache.get_token_by_value(value)
    assert token_cache.store.exists(f"token:{token.id}")
    loads = []
    database = token_cache.assembly.database
    event.listen(database._loaders, "before_cursor_execute", lambda *call: loads.append(call[2]))

    token_cache.record_token_use(token.id, "192.0.2.7")
    waiting.write()

    assert token_cache.get_token_by_value(value) is not None
    assert loads == []


def test_older_use_from_another_process_never_replaces_a_later_one(
    context, user: User, waiting: LastUsed, make_app, move_time
) -> None:
    token = add_token(user.id)[0]
    elsewhere = make_app().extensions["token_cache"].last_used
    elsewhere.note(token.id, "192.0.2.1")
    with move_time(seconds=30):
        waiting.note(token.id, "192.0.2.2")
        waiting.write()

    elsewhere.write()

    assert read(token.id).last_used_address == "192.0.2.2"


def test_use_of_a_deleted_token_is_ignored(context, user: User, waiting: LastUsed) -> None:
    token = add_token(user.id)[0]
    other = add_token(user.id)[0]
    waiting.note(token.id, "192.0.2.7")
    waiting.note(other.id, "192.0.2.8")
    waiting.note(uuid4(), "192.0.2.9")
    delete_where(Token, Token.id == token.id)
    db.session.commit()

    waiting.write()

    assert read(other.id) is not None


def test_use_is_deleted_with_its_token(context, user: User, waiting: LastUsed) -> None:
    token = add_token(user.id)[0]
    id = token.id
    waiting.note(id, "192.0.2.7")
    waiting.write()
    assert read(id) is not None

    delete_where(Token, Token.id == id)
    db.session.commit()

    assert read(id) is None


def test_closing_writes_pending_uses(context, user: User, waiting: LastUsed) -> None:
    token = add_token(user.id)[0]
    waiting.note(token.id, "192.0.2.7")

    waiting.close()

    assert read(token.id) is not None


def test_no_timer_starts_after_closing_without_a_database(waiting: LastUsed, lose_database) -> None:
    waiting.note(uuid4(), "192.0.2.7")
    lose_database()

    waiting.close()

    assert waiting._timer is None
    assert len(waiting._waiting) == 1


def test_exiting_process_writes_pending_uses(context, user: User, environ: dict[str, str]) -> None:
    token = add_token(user.id)[0]
    program = (
        "from uuid import UUID; from authapp import create_app; app = create_app()\n"
        "with app.app_context(): "
        f"app.extensions['token_cache'].last_used.note(UUID('{token.id}'), 'x')"
    )
    db.session.rollback()  # PostgreSQL ends transactions that wait for a slow start of the program

    subprocess.run([sys.executable, "-c", program], env=environ, cwd=ROOT, check=True)

    assert read(token.id) is not None


def test_without_a_database_pending_uses_are_kept_up_to_a_limit(
    context, waiting: LastUsed, lose_database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_used, "MOST", 3)
    ids = [uuid4() for _ in range(5)]
    lose_database()

    for id in ids:
        waiting.note(id, "192.0.2.7")
        waiting.write()

    assert list(waiting._waiting) == ids[2:]


def test_latest_uses_are_kept_at_the_limit(
    context, waiting: LastUsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_used, "MOST", 2)
    first, second, third = uuid4(), uuid4(), uuid4()

    for id in (first, second, first, third):
        waiting.note(id, "192.0.2.7")

    assert list(waiting._waiting) == [first, third]
