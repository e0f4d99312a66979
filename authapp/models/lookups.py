"""Conditions on other tables, which PostgreSQL checks for one row at a time."""

from typing import Any

from sqlalchemy import ColumnElement, select


def has_row(column: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the condition that another table has a row for the current one.

    Use it instead of EXISTS in a statement with a LIMIT: for several EXISTS, PostgreSQL would read
    the other tables whole first. `column` must be a column of the other table, never NULL.
    """
    return select(column).where(*conditions).limit(1).scalar_subquery().is_not(None)
