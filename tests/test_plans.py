"""No statement of a request or of a worker reads more rows because there are more accounts.

The requests run first, on few rows. Then the tables are filled, and PostgreSQL says how it runs
each statement now.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import flask_migrate
import psycopg
import pytest
from argon2 import PasswordHasher

from authapp import create_app
from authapp.security import passwords, recovery_codes
from authapp.services import keys
from tests.support import crowd, tour
from tests.support.accounts import add_user
from tests.support.applications import UNHURRIED, dispose, settings
from tests.support.plans import recorded, scans
from tests.support.servers import PostgresServer, RedisServer
from tests.support.sharing import SharedTemplates

USERS: Final = 10_000
BACKLOG: Final = 3_000

SETTINGS: Final = {
    "METRICS_TOKENS": tour.METRICS_TOKEN,
    "REQUEST_BUDGET": "0",
    # One process, which waits for no other and seldom asks what others have changed.
    "CACHE_LOCAL_TRUST": "0",
    "CACHE_TRUST": "5000",
}

FEW: Final = {
    "alembic_version": "one row",
    "cache_counters": "one row for each event and kind",
    "cache_state": "one row",
    "jwks_fetches": "services.jwks_fetches.MOST_KEPT rows",
    "jwt_keys": "a few rows, which `flask keys prune` deletes",
    "webhook_endpoints": "a few rows, which operators add",
}
"""Tables that do not grow with the number of accounts, and why."""

ALLOWED: Final = {
    r"SELECT .* FROM cache_tombstones .*": "a process reads all once, and then what is new",
    r".* EXISTS \(.* FROM cache_journal\) AS journal_waits .*": "it stops at the first row",
    r"SELECT count\(\*\) .* FROM cache_journal": "empty unless Redis is down",
    r"DELETE FROM \w+_requests WHERE lower\(.*": "the worker empties them before that",
    r".* FROM outbox_messages (WHERE \S+ != \S+ )?ORDER BY \S+ DESC .*": "a page for development",
    r".*\.dead_at IS NOT NULL (AND \S+ != \S+ )?ORDER BY \S+ DESC .*": "reads what is unsent",
    r".* FROM authenticator_apps": "`flask keys rewrap` renews every secret",
    r".* WHERE outbox_messages.content_sealed IS NOT NULL": "`flask keys rewrap`, too",
    r".* substr\(audit_entries.mac.*": "`flask keys rewrap` renews every code",
    r".* min\(outbox_messages.created_at\) .*": "a backlog is read whole to find the oldest",
    r".* count\(\*\) .* FROM outbox_messages .*": "a backlog is counted",
    r"SELECT .* WHERE audit_entries.sequence IS NULL": "`flask audit verify` checks each",
    r"DELETE FROM attempts": "the walk's own",
}
"""Statements that may read more rows, and why."""

FOR_BACKLOGS: Final = {"ix_outbox_messages_waiting"}
"""Indexes that matter only if more messages wait than here."""

pytestmark = [pytest.mark.postgresql, pytest.mark.long, pytest.mark.xdist_group("plans")]


@dataclass
class Database:
    """A database with many rows, and the statements to run on it."""

    connection: "psycopg.Connection[Any]"
    statements: dict[str, Any]
    tables: set[str]

    def faults(self, table: str | None = None) -> list[str]:
        """Return what is wrong with the plans of all statements, or of those about one table."""
        return [
            f"{scan.fault}: {statement}"
            for statement, parameters in self.statements.items()
            if (table is None or table in statement) and not _is_allowed(statement)
            for scan in scans(self.connection, statement, parameters)
            if scan.table in self.tables and scan.fault
        ]


def _is_allowed(statement: str) -> bool:
    return any(re.fullmatch(pattern, " ".join(statement.split())) for pattern in ALLOWED)


@pytest.fixture(scope="module")
def cheap_hasher() -> Iterator[None]:
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", hasher)
        patch.setattr(passwords, "_dummy_hash", hasher.hash("the password of no account"))
        patch.setattr(recovery_codes, "hash_secret_raw", _cheap_hash)
        yield


def _cheap_hash(secret: bytes, salt: bytes, **_costs: Any) -> bytes:
    return hashlib.sha256(salt + secret).digest()


@pytest.fixture(scope="module")
def database(
    postgres: PostgresServer, redis_process: RedisServer, cheap_hasher: None
) -> Iterator[Database]:
    redis_process.heal()
    name = postgres.create_localized()
    with psycopg.connect(postgres.url(name), autocommit=True) as connection:
        statements = _statements(postgres.url(name), redis_process.url, connection)
        tables = _fill(connection)
        yield Database(connection, statements, tables)
    postgres.drop(name)


def _statements(
    database_url: str, redis_url: str, connection: "psycopg.Connection[Any]"
) -> dict[str, Any]:
    app = create_app({**settings(database_url, redis_url), **UNHURRIED, **SETTINGS})
    app.jinja_env.bytecode_cache = SharedTemplates()
    with app.app_context():
        flask_migrate.upgrade()
        keys.ensure_active()

    def clean() -> None:
        connection.execute("DELETE FROM users; DELETE FROM attempts")

    with recorded() as found:
        tour.use_cases(app, clean)
        with app.app_context():
            user = add_user("somebody@example.org")
        tour.pages(app)
        tour.operations(app, user)
        tour.worker(app)
        tour.commands(app, user)
    dispose(app)
    return {
        statement: given
        for statement, given in found.statements.items()
        if statement.lstrip("( ").startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH"))
    }


def _fill(connection: "psycopg.Connection[Any]") -> set[str]:
    connection.execute("SET session_replication_role = replica")
    crowd.fill(connection, USERS)
    crowd.pile_up(connection, USERS, BACKLOG)
    connection.execute("RESET session_replication_role; ANALYZE")
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {name for (name,) in found} - set(FEW)


def test_no_statement_reads_more_rows_in_a_larger_database(database: Database) -> None:
    assert len(database.statements) > 150
    assert database.faults() == []


def test_each_index_is_needed(database: Database) -> None:
    """Without any of them, a statement reads more, and the test above fails."""
    unneeded = [
        name for name, table in _indexes(database) if not _faults_without(database, name, table)
    ]

    assert set(unneeded) <= FOR_BACKLOGS


def _indexes(database: Database) -> list[tuple[str, str]]:
    """Return the indexes that exist for the sake of speed, and their tables."""
    found = database.connection.execute(
        "SELECT i.relname, t.relname FROM pg_index x JOIN pg_class i ON i.oid = indexrelid"
        " JOIN pg_class t ON t.oid = indrelid"
        " WHERE i.relnamespace = 'public'::regnamespace AND NOT indisunique ORDER BY 1"
    )
    return [(name, table) for name, table in found if table in database.tables]


def _faults_without(database: Database, index: str, table: str) -> list[str]:
    with database.connection.transaction(force_rollback=True):
        database.connection.execute(f"DROP INDEX {index}")
        return database.faults(table)


def test_every_foreign_key_has_an_index(database: Database) -> None:
    """Deleting an account would otherwise read the whole of every table that refers to it."""
    without = database.connection.execute("""
        SELECT conname FROM pg_constraint c WHERE contype = 'f' AND NOT EXISTS (
            SELECT FROM pg_index WHERE indrelid = conrelid AND indpred IS NULL
            AND indkey[0] = conkey[1])
    """)

    assert without.fetchall() == []


def test_every_table_is_filled(database: Database) -> None:
    counted = "SELECT relname FROM pg_stat_user_tables WHERE n_live_tup < 500"

    assert {name for (name,) in database.connection.execute(counted)} <= set(FEW)
