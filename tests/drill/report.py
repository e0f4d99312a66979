"""What the drill found: a table, and the promises that were broken."""

from collections.abc import Iterator

from tests.drill.faults import CHECK, NORMAL, Fault
from tests.drill.traffic import Answers

SLOWER = 3
"""How many times as long as without a fault a check may take."""

_ROW = "{:<36}{:<30}{:>9}{:>9}  {}"


def wrong_answers(fault: Fault, found: dict[str, Answers]) -> Iterator[str]:
    """Yield a line for each kind of request that got answers that it must not get."""
    for kind, answers in found.items():
        allowed = NORMAL[kind] | fault.also.get(kind, set())
        for status in sorted(answers.statuses.keys() - allowed):
            times = answers.statuses[status]
            yield f"{fault.name}: {kind} was answered {times} times with {status}"
        if answers.without_retry_after:
            yield f"{fault.name}: {kind} was answered with 503 without Retry-After"
        if not answers.took_ms:
            yield f"{fault.name}: {kind} was not answered"


def slow_answers(fault: Fault, found: dict[str, Answers], idle_ms: float) -> Iterator[str]:
    """Yield a line if checks took too long.

    `idle_ms` is the 99th percentile of checks without a fault, which is high on a busy machine.
    """
    limit_ms = max(fault.slowest_check_ms, SLOWER * idle_ms)
    if found[CHECK].p99_ms > limit_ms:
        p99 = f"the 99th percentile of {CHECK} was {found[CHECK].p99_ms:.0f} ms"
        yield f"{fault.name}: {p99}, more than {limit_ms:.0f} ms"


def header() -> str:
    """Return the header of the table."""
    return _ROW.format("fault", "request", "p99 ms", "slowest", "answers by status")


def row(fault: str, request: str, *, p99: str = "", slowest: str = "", answers: str) -> str:
    """Return a row of the table."""
    return _ROW.format(fault, request, p99, slowest, answers).rstrip()


def rows(fault: Fault, found: dict[str, Answers]) -> Iterator[str]:
    """Yield the table's rows for one fault."""
    name = fault.name
    for kind, answers in found.items():
        statuses = ", ".join(f"{status}: {n}" for status, n in sorted(answers.statuses.items()))
        p99, slowest = f"{answers.p99_ms:.0f}", f"{answers.slowest_ms:.0f}"
        yield row(name, kind, p99=p99, slowest=slowest, answers=statuses)
        name = ""
