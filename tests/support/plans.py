"""How PostgreSQL runs the statements of authapp: which rows each of them reads to find others."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from sqlalchemy import Engine, event

MOST_ROWS: Final = 1_000
"""Rows of one table that a statement may read; the largest batch has half as many."""

_SCANS: Final = {"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan"}
_READS: Final = ("SELECT", "UPDATE", "DELETE", "WITH")


@dataclass
class Recorded:
    """Each statement that was run, with the parameters of its first time."""

    statements: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def note(
        self, _connection: Any, _cursor: Any, statement: str, given: Any, _context: Any, _many: bool
    ) -> None:
        first = given[0] if isinstance(given, list) else given
        self.statements.setdefault(statement, dict(first))


@contextmanager
def recorded() -> Iterator[Recorded]:
    """Record what every connection and thread of this process sends within the block."""
    found = Recorded()
    event.listen(Engine, "before_cursor_execute", found.note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", found.note)


@dataclass(frozen=True)
class Scan:
    """One part of a plan that reads a table, and how many rows it read."""

    table: str
    kind: str
    index: str
    rows: int

    @property
    def fault(self) -> str:
        """Why it takes longer in a larger table; empty if it does not."""
        if self.kind == "Seq Scan":
            return f"reads the table {self.table} from the start"
        if self.rows > MOST_ROWS:
            return f"reads {self.rows} rows of {self.table} by {self.index or self.kind}"
        return ""


def scans(
    connection: "psycopg.Connection[Any]", statement: str, parameters: Mapping[str, Any]
) -> list[Scan]:
    """Return how a statement reads tables; it is run, but what it changes is rolled back."""
    runs = statement.lstrip("( ").startswith(_READS)
    options = "ANALYZE, TIMING OFF, FORMAT JSON" if runs else "FORMAT JSON"
    with connection.transaction(force_rollback=True):
        query = f"EXPLAIN ({options}) {statement}"
        ((plan,),) = connection.execute(query.encode(), parameters).fetchall()
    return list(_scans(plan[0]["Plan"]))


def _scans(node: dict[str, Any]) -> Iterator[Scan]:
    children = node.get("Plans", [])
    if node["Node Type"] in _SCANS and "Relation Name" in node:
        below = [each.get("Index Name", "") for each in _all(children)]
        yield Scan(
            node["Relation Name"],
            node["Node Type"],
            node.get("Index Name") or " and ".join(filter(None, below)),
            _rows_read(node),
        )
    for child in children:
        yield from _scans(child)


def _rows_read(node: dict[str, Any]) -> int:
    """Return how many rows a scan read, those that it did not want included."""
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    each_time = node.get("Actual Rows", 0) + sum(node.get(name, 0) for name in removed)
    return int(each_time * node.get("Actual Loops", 0))


def _all(nodes: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _all(node.get("Plans", []))
