"""The mark of tests to which the kind of database makes no difference."""

import pytest

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is decided before any SQL, or after it: a malformed option, a page's text, a signature.

Not for text that may reach a statement: PostgreSQL refuses some that SQLite stores, such as NUL.
"""
