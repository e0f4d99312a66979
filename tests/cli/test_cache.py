"""`flask cache` as an operator uses it: on a live cache, with wrong files, and without Redis."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from authapp.models import RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.token_cache import token_cache
from authapp.token_cache.counters import EVENTS, Event
from tests.support.applications import HURRIED
from tests.support.on_sqlite import on_sqlite
from tests.support.redis import dump
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_link, add_session, add_token


def run(app: Flask, *arguments: object) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["cache", *map(str, arguments)])
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def refused(app: Flask, *arguments: object, expected: int = 1) -> str:
    """Run a command that must be refused in one line, and return the line."""
    code, output = run(app, *arguments)
    assert code == expected
    assert output.startswith("Error: ")
    assert len(output.splitlines()) == 1
    return output


@pytest.fixture
def cached(app: Flask, user: User) -> None:
    """Nine entries, of every kind: two keys, three sessions, a token, a link, two lists."""
    with app.app_context():
        for id in [add_session(user.id).id for _ in range(3)]:
            token_cache.get_refresh_token_by_id(id)
        token_cache.get_token_by_id(add_token(user.id)[0].id)
        token_cache.get_verification_token_by_id(add_link(user.id)[0].id)
        token_cache.get_refresh_tokens_by_user(user.id)
        token_cache.warm_keys()


@pytest.fixture
def without_redis(make_app: Callable[..., Flask], redis_server: RedisServer) -> Flask:
    redis_server.kill()
    return make_app(**HURRIED)


def test_flushing_a_pattern_removes_only_matching_entries(
    app: Flask, cached: None, redis_server: RedisServer
) -> None:
    code, output = run(app, "flush", "refresh_token:*", "--yes")

    assert (code, output) == (0, "entries removed: 3\n")
    assert list(redis_server.client.scan_iter("refresh_token:*")) == []
    assert list(redis_server.client.scan_iter("token:*")) != []


def test_flushing_a_pattern_requires_redis(without_redis: Flask) -> None:
    refused(without_redis, "flush", "token:*", "--yes", expected=3)


def test_stats_add_up_the_counters_of_all_processes_by_kind(
    app: Flask, make_app: Callable[..., Flask], cached: None, user: User
) -> None:
    other = make_app()
    with other.app_context():
        token_cache.get_tokens_by_user(user.id)
        token_cache.get_refresh_tokens_by_user(user.id)
    for process in (app, other):
        process.extensions["token_cache"].counters.flush()

    code, output = run(make_app(), "stats", "--json")

    found = json.loads(output)
    assert code == 0
    assert found["connected"] is True
    assert found["journal_depth"] == 0
    assert 0 < found["hit_ratio"] < 1
    kinds = {"token", "verification_token", "refresh_token", "jwt_key"}
    assert {kind for by_kind in found["counts"].values() for kind in by_kind} == kinds
    for event in (Event.HIT, Event.FILL):
        both = [p.extensions["token_cache"].counters.counted(event) for p in (app, other)]
        assert sum(found["counts"][event].values()) == sum(both)
    assert found["counts"]["fence"]["refresh_token"] == 6
    assert found["memory"][0]["used"] > 0


def test_stats_list_every_event(app: Flask, cached: None, user: User) -> None:
    code, output = run(app, "stats")

    lines = dict(line.split(None, 1) for line in output.splitlines())
    assert code == 0
    assert lines["Redis"] == "connected, breaker closed"
    assert lines["broken_seal"] == "0"
    assert set(EVENTS) <= lines.keys()


def test_stats_report_that_redis_is_unavailable(without_redis: Flask) -> None:
    code, output = run(without_redis, "stats")

    assert code == 0
    assert "Redis       not connected" in output


@pytest.mark.ends_in_disagreement
def test_a_correct_cache_passes_the_check_and_a_wrong_entry_fails_it(
    app: Flask, cached: None, redis_server: RedisServer, user: User
) -> None:
    assert run(app, "check") == (0, "entries compared: 9, different: 0\n")
    assert run(app, "check", "--sample", 1)[0] == 0
    with app.app_context():
        row = db.session.scalars(db.select(RefreshToken)).first()
        key = f"refresh_token:{row.id}"
        old, left = redis_server.client.get(key), redis_server.client.pttl(key)
        update_where(RefreshToken, RefreshToken.id == row.id, generation=5)
        db.session.commit()
    redis_server.client.set(key, old, px=left)

    code, output = run(app, "check")

    assert code == 1
    assert f"differs: {key}" in output
    assert output.endswith("different: 1\n")


def test_warming_caches_the_entries_of_recently_active_users(
    app: Flask, user: User, redis_server: RedisServer, move_time
) -> None:
    with app.app_context():
        session_id = add_session(user.id, hours=100).id
        token_cache.flush()

    assert run(app, "warm", "--hours", 1) == (0, "keys: 2\nusers: 1\n")
    assert {f"refresh_token:{session_id}", f"tokens:user:{user.id}"} <= dump(redis_server).keys()
    with move_time(hours=2):
        assert "users: 0" in run(app, "warm", "--hours", 1)[1]


def test_a_flush_removes_every_entry_and_starts_an_epoch(
    app: Flask, cached: None, redis_server: RedisServer
) -> None:
    epoch = app.extensions["token_cache"].database.state().epoch

    assert run(app, "flush", "--yes") == (0, "started a new epoch; entries removed: 9\n")
    assert dump(redis_server) == {}
    assert app.extensions["token_cache"].database.state().epoch > epoch
    assert run(app, "check") == (0, "entries compared: 0, different: 0\n")
    assert broken_seals(app) == 0


@pytest.mark.parametrize("arguments", [["flush"], ["flush", "token:*"]])
def test_a_flush_asks_first(
    app: Flask, cached: None, redis_server: RedisServer, arguments: list[str]
) -> None:
    before = dump(redis_server).keys()

    code, output = run(app, *arguments)

    assert code == 1
    assert "[y/N]" in output
    assert dump(redis_server).keys() == before


def broken_seals(app: Flask) -> int:
    return app.extensions["token_cache"].counters.counted(Event.BROKEN_SEAL)


def test_a_flush_without_redis_still_starts_an_epoch(without_redis: Flask) -> None:
    epoch = without_redis.extensions["token_cache"].database.state().epoch

    code, output = run(without_redis, "flush", "--yes")

    assert code == 0
    assert "could not remove entries" in output
    assert without_redis.extensions["token_cache"].database.state().epoch > epoch


def test_a_backup_is_restored_with_its_expiry_times(
    app: Flask, cached: None, redis_server: RedisServer, tmp_path: Path, user: User
) -> None:
    file = tmp_path / "backup"
    with redis_server.client as client:
        left = {name: client.pttl(name) for name in dump(redis_server)}
    assert run(app, "backup", file) == (0, "entries saved: 9\n")
    assert str(user.email) not in file.read_text()
    run(app, "flush", "--yes")

    assert run(app, "restore", file) == (0, "entries read: 9, restored: 9\n")

    with redis_server.client as client:
        assert dump(redis_server).keys() == left.keys()
        assert all(client.pttl(name) <= left[name] for name in left)
    assert run(app, "check")[0] == 0
    assert broken_seals(app) == 0


def test_an_outdated_backup_revives_no_ended_session_or_token(
    app: Flask, cached: None, tmp_path: Path
) -> None:
    run(app, "backup", tmp_path / "backup")
    with app.app_context():
        row = db.session.scalars(db.select(RefreshToken)).first()
        update_where(RefreshToken, RefreshToken.id == row.id, generation=5)
        db.session.commit()
    run(app, "flush", "--yes")

    code, output = run(app, "restore", tmp_path / "backup")

    assert (code, output) == (0, "entries read: 9, restored: 8\n")
    assert run(app, "check")[0] == 0


FOREIGN = {
    "empty": b"",
    "words": b"a letter\n",
    "bytes": bytes(range(256)) * 20,
    "a line too long": b"x" * 100_000,
}


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_file_is_refused(app: Flask, tmp_path: Path, content: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(FOREIGN[content])
    run(app, "check")
    epoch = app.extensions["token_cache"].database.state().epoch

    assert "was not made by this deployment" in refused(app, "restore", file)
    assert app.extensions["token_cache"].database.state().epoch == epoch


def test_another_deployments_backup_and_a_stale_one_are_refused(
    app: Flask, make_app: Callable[..., Flask], cached: None, tmp_path: Path, move_time
) -> None:
    file = tmp_path / "backup"
    run(app, "backup", file)
    other = make_app(CACHE_SEALING_KEYS="QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=")

    refused(other, "restore", file)
    with move_time(hours=25):
        assert "too old" in refused(app, "restore", file)


def test_damaged_lines_are_skipped(app: Flask, cached: None, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    run(app, "backup", file)
    lines = file.read_text().splitlines()
    lines[1:4] = [lines[1][:-9], '["token:x", 7]', "\x00"]
    file.write_text("\n".join(lines))
    run(app, "flush", "--yes")

    assert run(app, "restore", file) == (0, "entries read: 9, restored: 6\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_named(app: Flask, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    assert "Permission denied" in refused(app, "backup", tmp_path / "backup")


def test_unusable_files_are_named(app: Flask, cached: None, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("something else")

    assert "File exists" in refused(app, "backup", there)
    assert there.read_text() == "something else"
    assert "No such file" in refused(app, "backup", tmp_path / "nowhere" / "backup")
    assert "No such file" in refused(app, "restore", tmp_path / "nowhere")
    assert run(app, "backup", tmp_path)[0] == 2
    assert "name too long" in refused(app, "backup", tmp_path / ("x" * 300))


@pytest.mark.parametrize("command", ["check", "backup", "restore"])
def test_commands_that_need_redis_report_its_absence(
    without_redis: Flask, tmp_path: Path, command: str
) -> None:
    file = [] if command == "check" else [tmp_path / "file"]

    assert "Redis is not available" in refused(without_redis, command, *file, expected=3)
    assert not (tmp_path / "file").exists()


def test_a_missing_redis_url_is_named(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    app = make_app(REDIS_URL="")

    assert "REDIS_URL" in refused(app, "check", expected=3)
    assert "REDIS_URL" in refused(app, "backup", tmp_path / "backup", expected=3)
    assert run(app, "warm")[0] == 0
    assert run(app, "flush", "--yes")[0] == 0
    assert "not connected" in run(app, "stats")[1]


@pytest.mark.parametrize("command", [["stats"], ["check"], ["warm"], ["flush", "--yes"]])
def test_an_unavailable_database_is_named(
    app: Flask, lose_database: Callable[[], None], command: list[str]
) -> None:
    lose_database()

    assert "atabase" in refused(app, *command, expected=3)


@on_sqlite
@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["backup"], ["restore"], ["check", "--sample", "0"], ["check", "--sample=x"],
     ["warm", "--hours", "0"], ["warm", "--hours", "\udcff"], ["stats", "more"]],
)  # fmt: skip
def test_wrong_arguments_are_explained(app: Flask, arguments: list[str]) -> None:
    code, output = run(app, *arguments)

    assert code == 2
    assert "Usage: " in output
