"""A PostgreSQL database that tests use in turn: emptying one costs far less than creating one."""

from contextlib import suppress
from typing import Any, Final

import psycopg

from tests.support.servers import PostgresServer

_LONGEST_GOODBYE_MS: Final = 10_000

_TABLES: Final = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_SEQUENCES: Final = """
SELECT string_agg(format('SELECT setval(%L, %s, %L)', sequencename,
                         coalesce(last_value, start_value), last_value IS NOT NULL), ';')
FROM pg_sequences WHERE schemaname = 'public'
"""
_SCHEMA: Final = """
SELECT md5(concat(
  (SELECT string_agg(concat(oid, relname), ' ' ORDER BY oid)
   FROM pg_class WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(a::text, ' ' ORDER BY attrelid, attnum)
   FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
   WHERE relnamespace = 'public'::regnamespace),
  (SELECT string_agg(c::text, ' ' ORDER BY oid)
   FROM pg_constraint c WHERE connamespace = 'public'::regnamespace),
  (SELECT string_agg(oid::text, ' ' ORDER BY oid) FROM pg_trigger WHERE NOT tgisinternal),
  (SELECT string_agg(setconfig::text, ' ') FROM pg_db_role_setting
   JOIN pg_database d ON d.oid = setdatabase WHERE datname = current_database())
))
"""
"""Digest of everything that a statement other than INSERT, UPDATE and DELETE may have changed."""

_DISCONNECT_OTHERS: Final = """
SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


class ReusableDatabase:
    """Lent to one test after another, each time equal to a template and under a new name.

    The new name keeps threads and processes that outlive a test out of the next one's database.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self.template = template
        self._name = ""
        with self._connect(template) as connection:
            self._schema = connection.execute(_SCHEMA).fetchone()
            self._rows = _copy_all(connection)
            self._restore_sequences = _scalar(connection, _SEQUENCES) or ""

    def lend(self) -> str:
        """Return the name of a database that equals the template."""
        if self._name and self._is_restored():
            self._name = self._server.rename(self._name)
        else:
            if self._name:
                self._server.drop(self._name)
            self._name = self._server.create(self.template)
        return self._name

    def _is_restored(self) -> bool:
        """Restore every row; False if the database or its schema is not what it was."""
        with suppress(psycopg.OperationalError), self._connect(self._name) as connection:
            connection.execute(_DISCONNECT_OTHERS, (_LONGEST_GOODBYE_MS,))
            if connection.execute(_SCHEMA).fetchone() == self._schema:
                self._restore(connection)
                return True
        return False

    def _restore(self, connection: "psycopg.Connection[Any]") -> None:
        deletions = ";".join(f"DELETE FROM {table}" for table in self._rows)
        # As a replica, it checks no foreign keys, so that any order will do.
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"BEGIN; {deletions}; {self._restore_sequences}; COMMIT")
        for table, rows in self._rows.items():
            if rows:
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)

    def _connect(self, name: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._server.url(name), autocommit=True)


def _copy_all(connection: "psycopg.Connection[Any]") -> dict[str, bytes]:
    """Return the rows of every table, in PostgreSQL's own text format."""
    rows: dict[str, bytes] = {}
    for (table,) in connection.execute(_TABLES).fetchall():
        with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
            rows[table] = b"".join(copy)
    return rows


def _scalar(connection: "psycopg.Connection[Any]", query: str) -> Any:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
