"""Counts what a call costs: SQL statements, round trips to Redis, and functions entered."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

from redis.connection import AbstractConnection
from sqlalchemy import Engine, event

import authapp

_OURS: Final = str(Path(authapp.__file__).parent)
_PARTS_OF_A_FUNCTION: Final = {"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


@dataclass
class Cost:
    """The SQL statements that a call ran, and how often it sent something to Redis."""

    statements: list[str] = field(default_factory=list)
    round_trips: int = 0

    @property
    def counts(self) -> tuple[int, int]:
        """Statements and round trips."""
        return len(self.statements), self.round_trips


@contextmanager
def measured() -> Iterator[Cost]:
    """Count the current thread's statements and round trips, over every connection."""
    cost, thread = Cost(), threading.get_ident()
    send = AbstractConnection.send_packed_command

    def note_statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if threading.get_ident() == thread:
            cost.statements.append(" ".join(statement.split()))

    def noted_send(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() == thread:
            cost.round_trips += 1
        return send(*arguments, **options)

    event.listen(Engine, "before_cursor_execute", note_statement)
    AbstractConnection.send_packed_command = noted_send
    try:
        yield cost
    finally:
        AbstractConnection.send_packed_command = send
        event.remove(Engine, "before_cursor_execute", note_statement)


def cheapest(call: Callable[[], object], *, times: int = 5) -> Cost:
    """Return the lowest cost of a call, because any call may include a periodic cache check."""
    costs = []
    for _ in range(times):
        with measured() as cost:
            call()
        costs.append(cost)
    return min(costs, key=lambda each: each.counts)


@dataclass
class Trace:
    """Our functions that a call entered, the files they are in, and the exceptions raised there."""

    functions: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    exceptions: list[str] = field(default_factory=list)


def traced(call: Callable[[], object]) -> Trace:
    """Run a call and return which of our code it entered."""
    trace, former = Trace(), sys.gettrace()

    def enter(frame: FrameType, _event: str, _value: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(_OURS):
            return None
        if code.co_name not in _PARTS_OF_A_FUNCTION:
            trace.functions.add(_name(code))
            trace.files.add(code.co_filename.removeprefix(_OURS))
        return note

    def note(frame: FrameType, event: str, value: Any) -> Any:
        if event == "exception":
            trace.exceptions.append(f"{_name(frame.f_code)}: {value[0].__name__}")
        return note

    sys.settrace(enter)
    try:
        call()
    finally:
        sys.settrace(former)
    return trace


def entered(call: Callable[[], object]) -> int:
    """Run a call and return how often it entered a Python function, ours or a library's."""
    number, former = 0, sys.getprofile()

    def count(_frame: FrameType, event: str, _value: Any) -> None:
        nonlocal number
        number += event == "call"

    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(former)
    return number


def _name(code: CodeType) -> str:
    return f"{code.co_filename.removeprefix(_OURS)}:{code.co_qualname}"
