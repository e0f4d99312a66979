"""Conditions on other tables, which PostgreSQL checks for one row at a time."""

from typing import Any

from sqlalchemy import ColumnElement, select


def has_row(column: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that another table has a row for the current one.

    Use it instead of EXISTS in a statement with a LIMIT: for several EXISTS, PostgreSQL would read
    the whole of the other tables first. `column` is one of the other table that is never NULL.
    """
    return select(column).where(*conditions).limit(1).scalar_subquery().is_not(None)
