"""The database that tests use in turn has no trace of the previous test."""

import psycopg
import pytest

from tests.support.databases import ReusableDatabase
from tests.support.servers import PostgresServer

pytestmark = pytest.mark.postgresql

ROWS = [
    "DELETE FROM cache_state",
    "UPDATE jwt_keys SET state = 'retired'",
    "INSERT INTO cache_journal (key, created_at) VALUES ('token:x', now())",
]
SCHEMA = [
    "ALTER TABLE users ADD COLUMN nickname text",
    "ALTER TABLE users ALTER COLUMN email TYPE text",
    "DROP TABLE outbox_messages",
    "ALTER DATABASE {} SET default_transaction_read_only = on",
]


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.format(connection.info.dbname))


def contents(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, and the state of every sequence."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'S')"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall()
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for (name,) in names}


@pytest.mark.parametrize("statements", [ROWS, *([each] for each in SCHEMA)])
def test_changes_are_undone(
    postgres: PostgresServer, postgres_database: ReusableDatabase, statements: list[str]
) -> None:
    original = contents(postgres.url(postgres_database.lend()))
    run(postgres.url(postgres_database.lend()), *statements)

    lent = postgres.url(postgres_database.lend())

    assert contents(lent) == original
    run(lent, "DELETE FROM users")


def test_a_connection_left_open_cannot_reach_the_next_tests_database(
    postgres: PostgresServer, postgres_database: ReusableDatabase
) -> None:
    left = postgres.url(postgres_database.lend())
    with psycopg.connect(left) as forgotten:
        forgotten.execute("LOCK TABLE users")

        run(postgres.url(postgres_database.lend()), "DELETE FROM users")

        with pytest.raises(psycopg.OperationalError):
            forgotten.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(left)
