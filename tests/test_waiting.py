"""How long tests wait for other processes and threads."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent
LEAST_SECONDS: Final = 30.0
DEADLINES: Final = {"timeout", "socket_timeout"}
WAITS: Final = {
    "acquire",
    "communicate",
    "join",
    "result",
    "settimeout",
    "wait",
    "wait_procs",
    "wait_until",
    "wait_until_closed",
}


def test_no_test_gives_up_early() -> None:
    """On a busy machine, everything takes many times as long.

    Less than a second is a pause, or shows that something waits.
    """
    files = list(TESTS.rglob("*.py"))

    early = {
        f"{file.relative_to(TESTS)}:{line}: {seconds} s"
        for file in files
        for line, seconds in deadlines(ast.parse(file.read_text()))
        if 1 <= seconds < LEAST_SECONDS
    }

    assert len(files) > 100
    assert early == set(), "use PATIENCE_SECONDS"


def deadlines(module: ast.Module) -> Iterator[tuple[int, float]]:
    """Yield the line and the seconds of each wait whose deadline is a number."""
    for call in ast.walk(module):
        if isinstance(call, ast.Call):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            name = call.func.id if isinstance(call.func, ast.Name) else name
            waits = name in WAITS
            named = [each.value for each in call.keywords if waits or each.arg in DEADLINES]
            for value in [*call.args, *named] if waits else named:
                if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
                    yield call.lineno, value.value
