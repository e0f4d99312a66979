"""The state of the model in `local_tier_model`, and the rules that it can leave out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

ROW, LIST = range(2)
START, ASK, LOOK, LEASE, LOAD, FILL, KEEP, DONE = range(8)
FENCE, LOG, COMMIT, SETTLE, ABORT, LOG_LOST, REPORT, ENDED = range(8)


class Copy(NamedTuple):
    """A value that was read: its version, and whether it records that no row exists."""

    version: int
    is_absent: bool = False


class Lease(NamedTuple):
    reader: int


class Fence(NamedTuple):
    writers: frozenset[int]
    shared: bool


class Process(NamedTuple):
    """`birth` names the log it reads; `seen` and `checked` are positions in log and journal."""

    memory: tuple[Copy | None, ...] = (None, None)
    birth: int = 0
    seen: int = 0
    trusts: bool = False
    believes: bool = False
    checked: int = 0


class Reader(NamedTuple):
    """`due` is the version reported when the read began; `guard` is the generation."""

    process: int
    key: int
    step: int = START
    due: int = 0
    guard: tuple[int, int] = (0, 0)
    loaded: Copy | None = None
    returned: Copy | None = None


class Writer(NamedTuple):
    """Its kind: i(nsert), u(pdate), d(elete) of the row, or o(ther row of the same owner).

    `logged` is the birth of a log and a position in it, or a length of the journal.
    """

    kind: str
    journals: bool
    touches: tuple[int, ...]
    step: int = FENCE
    versions: tuple[int, ...] = (0, 0)
    logged: tuple[int, int] = (0, 0)
    lost: tuple[int, ...] = ()


class State(NamedTuple):
    held: tuple[Any, ...]  # by each key, in Redis
    versions: tuple[int, ...]  # of each key, committed
    exists: bool  # the row
    birth: int
    log: tuple[tuple[int, ...], ...]
    reported: tuple[int, ...]
    processes: tuple[Process, ...]
    readers: tuple[Reader, ...]
    writers: tuple[Writer, ...]
    journal: tuple[tuple[int, ...], ...]
    replayed: int
    key_losses: int
    log_losses: int


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; leaving any one out must make some read stale."""

    waits_before_reporting: bool = True
    guards_memory: bool = True
    logs_lost_fences: bool = True
    reads_the_last_entry_again: bool = True
    remembers_nothing_under_a_fence: bool = True
    check_ends_trust_in_memory: bool = True
    inserts_fence_the_list: bool = True
    journaled_inserts_wait: bool = True
    fences_before_logging: bool = True
    absence_needs_a_lease: bool = True
    absence_follows_the_log: bool = True


def put(items: tuple[Any, ...], index: int, item: Any) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])
