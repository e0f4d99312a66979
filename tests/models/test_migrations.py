"""The migrations, on SQLite and PostgreSQL."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import flask_migrate
import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Uuid, bindparam, inspect, text
from sqlalchemy.exc import IntegrityError, StatementError

from authapp.domain import activity
from authapp.domain.email_addresses import find_owner
from authapp.models import Activity, User, db
from authapp.services.activity import list_recent as activity_of
from tests.support import crowd
from tests.support.accounts import add_user
from tests.support.servers import PostgresServer
from tests.support.waiting import wait_until


def test_the_migrated_schema_matches_the_models(app: Flask) -> None:
    options = {"compare_type": True, "compare_server_default": True}
    with app.app_context(), db.engine.connect() as connection:
        migrated = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(migrated, db.metadata) == []


def test_migrations_go_down_and_up_again(app: Flask) -> None:
    with app.app_context():
        flask_migrate.downgrade(revision="base")
        assert set(inspect(db.engine).get_table_names()) <= {"alembic_version"}

        flask_migrate.upgrade()
        assert set(db.metadata.tables) <= set(inspect(db.engine).get_table_names())


def test_email_keys_are_rewritten_in_both_directions(app: Flask) -> None:
    emails = ["Name@example.org", "u@straße.example", "u@bücher.example"]
    with app.app_context():
        ids = {add_user(email).id: email for email in emails}
        db.session.rollback()

        flask_migrate.downgrade(revision="0021")
        assert stored_keys() == {"name@example.org", "u@strasse.example", "u@bücher.example"}

        flask_migrate.upgrade()
        assert {find_owner(email).id: email for email in emails} == ids


def test_email_keys_are_not_rewritten_if_two_accounts_would_share_one(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    emails = ["u@straße.example", "u@strasse.example"]
    with app.app_context():
        ids = [add_user(email).id for email in emails]
        keys = stored_keys()

        with pytest.raises(SystemExit):
            flask_migrate.downgrade(revision="0021")

        assert "would have the same email address" in caplog.text
        assert all(id.hex in caplog.text.replace("-", "") for id in ids)
        assert stored_keys() == keys


def stored_keys() -> set[str]:
    db.session.rollback()
    keys = set(db.session.execute(text("SELECT email_key FROM users")).scalars())
    # An open transaction would keep a migration from changing the table.
    db.session.rollback()
    return keys


def test_replacing_the_table_of_users_keeps_the_rows_that_refer_to_it(app: Flask) -> None:
    with app.app_context():
        user = add_user("a@example.org")
        activity.note(user.id, Activity.REGISTERED, None)
        db.session.commit()

        flask_migrate.downgrade(revision="0020")
        flask_migrate.upgrade()

        assert [event.activity for event in activity_of(user.id)] == [Activity.REGISTERED]


def test_each_account_gets_a_position_of_its_own_from_the_migration_and_the_last_release(
    app: Flask,
) -> None:
    with app.app_context():
        for number in range(3):
            add_user(f"{number}@example.org")
        db.session.rollback()
        flask_migrate.downgrade(revision="0035")
        flask_migrate.upgrade()

        for number in (1, 2):
            db.session.execute(
                text(
                    "INSERT INTO users (id, email, email_key, password_hash, password_changed_at,"
                    " created_at) SELECT :id, :email, :email, password_hash, password_changed_at,"
                    " created_at FROM users WHERE email = '0@example.org'"
                ).bindparams(bindparam("id", UUID(int=number), Uuid), email=f"old{number}@x.org")
            )

        positions = db.session.scalars(db.select(User.lender_position)).all()
        assert len(set(positions)) == 5


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_positions_are_added_to_more_accounts_than_a_batch(
    app: Flask, postgres: PostgresServer
) -> None:
    with app.app_context():
        flask_migrate.downgrade(revision="0035")
        with psycopg.connect(postgres.url(db.engine.url.database)) as connection:
            crowd.fill(connection, 1_200, only={"users"})

        flask_migrate.upgrade()

        positions = db.session.scalars(db.select(User.lender_position)).all()
        assert len(set(positions)) == 1_200
        columns = {each["name"]: each for each in inspect(db.engine).get_columns("users")}
        assert not columns["lender_position"]["nullable"]
        assert inspect(db.engine).get_check_constraints("users") == []


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_requests_go_on_while_a_migration_waits_for_a_backup(
    app: Flask, postgres: PostgresServer, capfd: pytest.CaptureFixture[str]
) -> None:
    with app.app_context():
        flask_migrate.downgrade(revision="0036")
        url = postgres.url(db.engine.url.database)
    told: list[str] = []

    def migrate() -> None:
        with app.app_context():
            flask_migrate.upgrade(revision="0037")

    def has_waited() -> bool:
        told.append(capfd.readouterr().err)
        return "waiting for transactions" in "".join(told)

    with ThreadPoolExecutor(1) as pool, psycopg.connect(url, autocommit=True) as request:
        request.execute("SET statement_timeout = '60s'")
        with psycopg.connect(url) as backup:
            backup.execute("LOCK TABLE refresh_tokens IN ACCESS SHARE MODE")
            migrated = pool.submit(migrate)
            wait_until(has_waited, "the migration does not wait")
            request.execute("SELECT count(*) FROM refresh_tokens")
        migrated.result(timeout=60)
        request.execute("SELECT client_id FROM refresh_tokens")
    with app.app_context():
        assert db.session.scalar(text("SHOW lock_timeout")) == "0"


def test_times_are_aware_and_in_utc(app: Flask) -> None:
    noon_in_india = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    with app.app_context():
        user = add_user("a@example.org")
        db.session.get(User, user.id).disabled_at = noon_in_india
        db.session.commit()
        db.session.expire_all()

        read = db.session.get(User, user.id).disabled_at

        assert read == noon_in_india
        assert read.tzinfo is UTC


def test_a_naive_time_is_refused(app: Flask) -> None:
    with app.app_context():
        user = add_user("a@example.org")
        db.session.get(User, user.id).disabled_at = datetime(2026, 1, 1)

        with pytest.raises(StatementError, match="a time without a time zone cannot be stored"):
            db.session.commit()
        db.session.rollback()


def test_an_address_can_be_verified_by_one_account_only(app: Flask) -> None:
    with app.app_context():
        waiting = {"email": "a@example.org", "email_key": "a@example.org", "password_hash": ""}
        db.session.add_all([User(**waiting), User(**waiting)])
        add_user("a@example.org")

        with pytest.raises(IntegrityError):
            add_user("a@example.org")
        db.session.rollback()


def test_several_users_may_have_no_phone(app: Flask) -> None:
    with app.app_context():
        add_user("a@example.org")
        add_user("b@example.org")

        phones = db.session.execute(text("SELECT phone FROM users")).scalars().all()

        assert phones == [None, None]


def test_a_number_can_be_verified_by_one_account_only(app: Flask) -> None:
    with app.app_context():
        for email in ("a@example.org", "b@example.org"):
            user = db.session.get(User, add_user(email).id)
            user.phone = "+12015550123"
        db.session.commit()
        now = datetime.now(UTC)

        for user in db.session.query(User):
            user.phone_verified_at = now

        with pytest.raises(IntegrityError):
            db.session.commit()
        db.session.rollback()
