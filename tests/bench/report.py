"""What was measured, and the two files that say so: docs/performance.md and docs/performance.json."""

import json
import platform
import statistics
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from authapp import clock
from tests.bench.load import Slice

LIBRARIES = (
    "flask",
    "granian",
    "flask-jwt-extended",
    "flask-security-too",
    "redis",
    "sqlalchemy",
)


@dataclass
class Measured:
    """One subject's slices."""

    name: str
    baseline: str = ""
    per_second: list[float] = field(default_factory=list)
    slowest_ms: list[float] = field(default_factory=list)
    own_share: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, taken: Slice) -> None:
        """Note one slice; the 99th percentile stands for the slowest."""
        self.per_second.append(taken.per_second)
        self.own_share.append(taken.own_share)
        self.statuses.update(taken.statuses)
        if len(taken.took) > 1:
            self.slowest_ms.append(statistics.quantiles(taken.took, n=100)[-1] * 1000)

    def as_json(self) -> dict[str, Any]:
        """Return every slice."""
        return {
            "per_second": [round(each, 1) for each in self.per_second],
            "p99_ms": [round(each, 2) for each in self.slowest_ms],
            "load_generator_share": [round(each, 3) for each in self.own_share],
            "statuses": dict(self.statuses),
        }


def ratios(subject: Measured, baseline: Measured) -> tuple[float, float, float]:
    """Return the least, the median and the greatest ratio, each within one round."""
    each = sorted(
        one / other for one, other in zip(subject.per_second, baseline.per_second, strict=True)
    )
    return each[0], statistics.median(each), each[-1]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def throughput_table(results: dict[str, Measured], names: list[str]) -> str:
    """Return the rows of some subjects: rate, delay, and the ratio to what each is compared with."""
    rows = []
    for name in names:
        found = results[name]
        rate = f"{statistics.median(found.per_second):,.0f}"
        delay = f"{statistics.median(found.slowest_ms):.1f} ms" if found.slowest_ms else "-"
        ratio = spread(ratios(found, results[found.baseline])) if found.baseline else "1"
        row = [name, rate, delay, ratio]
        rows.append(row)
    return table(["what", "per second", "p99", "ratio: least, **median**, greatest"], rows)


def spread(three: tuple[float, float, float]) -> str:
    """Return a ratio as a person reads it."""
    return f"{three[0]:.2f} **{three[1]:.2f}** {three[2]:.2f}"


def machine() -> str:
    """Return the machine, in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{clock.now():%Y-%m-%d}, {psutil.cpu_count()} cores ({model}), {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    )


def revocation_table(found: list[Any]) -> str:
    """Return how often a revoked token was refused at once, and after how long."""
    rows = []
    for each in found:
        delays = sorted(each.delays_ms)
        delay = _delays(delays) if delays else "no refusal"
        row = [each.name, each.state, _counts(each.endings), _counts(each.first_answers), delay]
        rows.append([*row, _counts(each.after_restart)])
    head = ["library", "Redis", "revoking was answered", "the other process, asked at once"]
    return table([*head, "refused after", "asked after Redis came back empty"], rows)


def _delays(delays: list[float]) -> str:
    """Return the median, the 99th percentile where there are a hundred or more, and the longest."""
    p99 = f", p99 **{statistics.quantiles(delays, n=100)[-1]:.1f}**" if len(delays) >= 100 else ""
    return f"median {statistics.median(delays):.1f}{p99}, longest {delays[-1]:.1f} ms"


def _counts(statuses: Counter[int]) -> str:
    return ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())) or "-"


def states_table(results: dict[str, Measured]) -> str:
    """Return rates by the state of Redis, with what was answered."""
    rows = []
    for found in results.values():
        rate = f"{statistics.median(found.per_second):,.0f}"
        answered = ", ".join(f"{status}: {n}" for status, n in sorted(found.statuses.items()))
        ratio = spread(ratios(found, results[found.baseline])) if found.baseline else "1"
        rows.append([found.name, rate, answered, ratio])
    return table(["what", "per second", "answers", "ratio to Redis healthy"], rows)


def breakdown_table(found: dict[str, float]) -> str:
    """Return what each layer takes, and its share."""
    rows = [
        [name, f"{microseconds:,.0f} us", f"{microseconds / found['all']:.0%}"]
        for name, microseconds in found.items()
    ]
    return table(["layer", "CPU time", "share"], rows)


def memory_table(found: list[Any]) -> str:
    """Return a worker's memory after each tenth of the requests."""
    rows = [
        [f"{each.requests:,}", f"{each.mebibytes:.1f} MiB", str(each.refused)] for each in found
    ]
    return table(["requests", "resident memory", "refused requests"], rows)


def text(found: dict[str, Any], *, many: int, rounds: int, seconds: float) -> str:
    """Return docs/performance.md."""
    results = found["throughput"]
    named = [name for name in results if not name.startswith("bare")]
    all_shares = [share for each in results.values() for share in each.own_share]
    return f"""# Performance

`make bench` wrote this page and [performance.json](performance.json), which has every slice. The token
cache alone is measured in [performance-cache.md](performance-cache.md).

{machine()}.

Every application was served as `python -m deploy.serve` serves authapp, by 2 workers of 8 threads, with
SQLite and Valkey on the same machine, over 16 kept-alive connections. Slices of {seconds} seconds were
taken in turn, {rounds} rounds; a ratio is of two slices of one round. The machine also runs the load
generator, a Python process on raw sockets that took {statistics.median(all_shares):.0%} of a core in the
median slice and {max(all_shares):.0%} at most. Rates depend on the machine; compare ratios.

## Requests

The ratio of authapp is to a bare Flask view that returns the same bytes; the ratio of another library
is to authapp doing the same work. Flask-JWT-Extended signs with HS256, its default, and looks in a
blocklist in Redis; its refresh does not rotate the refresh token. Flask-Security-Too checks its
authentication token in the database. Sign-ins check an Argon2 hash, with each library's own cost:
Flask-Security-Too's default is higher than the others'.

{throughput_table(results, named)}

## Where the time of a check goes

The CPU time of one warm `/auth/check` with a JWT, in a worker and in the layers inside it. The poll of
the change log that many checks share is part of the verdict.

{breakdown_table(found["breakdown_microseconds"])}

## While Redis is frozen or gone

Flask-JWT-Extended's client of Redis gives up after 0.1 s, like authapp's.

{states_table(found["redis_states"])}

## Revocation

A session or token is revoked in one process, and another process is asked as soon as that was answered.
204 is acceptance, 401 refusal. The last column asks again after Redis was killed and started empty.

{revocation_table(found["revocation"])}

## Few and many rows

Few is this benchmark's own rows; many has {many:,} API tokens and as many sessions more in the
database, and those tokens in Redis.

{throughput_table(found["rows"], list(found["rows"]))}

## Memory

The resident memory of one worker of 8 threads while 16 clients send checks of 500 different access
tokens, reads, introspections and renewals.

{memory_table(found["memory"])}

## Servers

authapp by other servers, with 2 workers of 8 threads each; ratios are to the first.

{throughput_table(found["servers"], list(found["servers"]))}
"""


def write(folder: Path, text: str, everything: dict[str, Any]) -> None:
    """Write both files."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "performance.md").write_text(text)
    (folder / "performance.json").write_text(json.dumps(everything, indent=1) + "\n")
