"""The memory of each process (docs/coherence.md) as a model: rows, lists, and ids without a row.

Two keys exist: a row's own, and its owner's list. Each process may answer from memory while it
trusts the last poll of the change log, and trusts Redis because of its last check of the journal.
The model has no other notion of time: either trust may end, and any process may poll or check, at
any time, as it would for an unrelated request. The keys of one transaction are fenced in one
step, because a reader reads only one key. The model imports no product code.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.token_cache.local_tier_state import (
    ASK,
    DONE,
    ENDED,
    FILL,
    KEEP,
    LEASE,
    LIST,
    LOAD,
    LOOK,
    REPORT,
    ROW,
    START,
    Copy,
    Fence,
    Lease,
    Process,
    Reader,
    Rules,
    State,
    Writer,
    put,
)
from tests.token_cache.local_tier_writers import journaling_steps, writer_steps


@dataclass(frozen=True)
class World:
    """Readers as (process, key), writers as kinds (a capital one journals), and losses."""

    readers: tuple[tuple[int, int], ...]
    writers: str
    exists: bool = True
    key_losses: int = 0
    log_losses: int = 0


def explore(world: World, rules: Rules) -> Iterator[bool]:
    """Explore every state, and yield for each whether a read in it was stale."""
    processes = 1 + max(process for process, _ in world.readers)
    read = {key for _, key in world.readers}
    start = State(
        (None, None), (0, 0), world.exists, 0, (), (0, 0), (Process(),) * processes,
        tuple(Reader(*reader) for reader in world.readers),
        tuple(_writer_of(kind, read) for kind in world.writers),
        (), 0, world.key_losses, world.log_losses,
    )  # fmt: skip
    seen, queue = {start}, deque([start])
    while queue:
        state = queue.popleft()
        yield any(r.returned is not None and r.returned.version < r.due for r in state.readers)
        for following in _steps(state, rules):
            if following not in seen:
                seen.add(following)
                queue.append(following)


def _steps(state: State, rules: Rules) -> Iterator[State]:
    for index in range(len(state.readers)):
        yield from _reader(state, index, rules)
    for index, writer in enumerate(state.writers):
        yield from (journaling_steps if writer.journals else writer_steps)(state, index, rules)
    for index in range(len(state.processes)):
        yield from _process(state, index, rules)
    yield from _losses(state)


def _writer_of(kind: str, read: set[int]) -> Writer:
    """Keys that no one reads are left out: they only add states."""
    touches = {LIST} if kind in "oO" else {ROW, LIST}
    return Writer(kind.lower(), kind.isupper(), tuple(sorted(touches & read)))


def _reader(state: State, index: int, rules: Rules) -> Iterator[State]:
    reader = state.readers[index]
    key, process = reader.key, state.processes[reader.process]
    held, generation = state.held[key], (process.birth, process.seen)

    def to(step: int, state: State = state, **changes: Any) -> State:
        changed = reader._replace(step=step, **changes)
        return state._replace(readers=put(state.readers, index, changed))

    if reader.step == START:
        yield to(ASK, due=state.reported[key])
    elif reader.step == ASK:
        known = process.memory[key]
        is_timed = known is not None and known.is_absent and not rules.absence_follows_the_log
        is_trusted = process.believes and process.trusts
        if known is not None and (is_trusted or is_timed):
            yield to(DONE, returned=known)
        elif is_trusted:
            yield to(LOOK, guard=generation)
    elif reader.step == LOOK:
        if isinstance(held, Copy):
            yield to(KEEP, loaded=held, returned=held)
        elif held is None:
            yield to(LEASE)
        else:  # the database answers
            committed = _committed_copy(state, key)
            breaks = not rules.remembers_nothing_under_a_fence
            breaks |= committed.is_absent and not rules.absence_needs_a_lease
            yield to(KEEP if breaks else DONE, loaded=committed, returned=committed)
    else:
        yield from _filling(state, index, rules)


def _filling(state: State, index: int, rules: Rules) -> Iterator[State]:
    """Yield the steps of a reader after its first look: lease, load, fill, remember."""
    reader = state.readers[index]
    key, process = reader.key, state.processes[reader.process]
    held = state.held[key]

    def to(step: int, state: State = state, **changes: Any) -> State:
        changed = reader._replace(step=step, **changes)
        return state._replace(readers=put(state.readers, index, changed))

    if reader.step == LEASE:
        leased = state._replace(held=put(state.held, key, Lease(index)))
        yield to(LOAD, leased) if held is None else to(LOOK)
    elif reader.step == LOAD:
        yield to(FILL, loaded=_committed_copy(state, key))
    elif reader.step == FILL:
        loaded = reader.loaded
        assert loaded is not None
        if held == Lease(index):
            filled = put(state.held, key, None if loaded.is_absent else loaded)
            yield to(KEEP, state._replace(held=filled), returned=loaded)
        else:
            breaks = loaded.is_absent and not rules.absence_needs_a_lease
            yield to(KEEP if breaks else DONE, returned=loaded)
    elif reader.step == KEEP:
        kept = state
        if (process.birth, process.seen) == reader.guard or not rules.guards_memory:
            process = process._replace(memory=put(process.memory, key, reader.loaded))
            kept = state._replace(processes=put(state.processes, reader.process, process))
        yield to(DONE, kept)


def _committed_copy(state: State, key: int) -> Copy:
    return Copy(state.versions[key], key == ROW and not state.exists)


def _process(state: State, index: int, rules: Rules) -> Iterator[State]:
    process = state.processes[index]

    def to(state: State = state, **changes: Any) -> State:
        return state._replace(processes=put(state.processes, index, process._replace(**changes)))

    if process.trusts:
        yield to(trusts=False)
    if process.believes:
        yield to(believes=False)
    else:
        trusts = process.trusts and not rules.check_ends_trust_in_memory
        checked = len(state.journal)
        yield to(_replayed(state), believes=True, checked=checked, trusts=trusts)
    if process.believes and not process.trusts:
        yield to(**_polled(state, process, rules), trusts=True)


def _polled(state: State, process: Process, rules: Rules) -> dict[str, Any]:
    """Forget the logged keys; forget everything if the last known entry is missing."""
    is_known = state.birth == process.birth and process.seen <= len(state.log)
    forgotten: set[int] = {ROW, LIST}
    if is_known or not rules.reads_the_last_entry_again:
        forgotten = {key for entry in state.log[process.seen :] for key in entry}
    memory = list(process.memory)
    for key in forgotten:
        copy = memory[key]
        if rules.absence_follows_the_log or not (copy and copy.is_absent):
            memory[key] = None
    return {"memory": tuple(memory), "birth": state.birth, "seen": len(state.log)}


def _replayed(state: State) -> State:
    """Delete the journaled keys except fences; log them; then discard the journal's lines."""
    for keys in state.journal[state.replayed :]:
        held = state.held
        for key in keys:
            fence = held[key]
            left = fence._replace(shared=True) if isinstance(fence, Fence) else None
            held = put(held, key, left)
        state = state._replace(held=held, log=(*state.log, keys))
    return state._replace(replayed=len(state.journal))


def _losses(state: State) -> Iterator[State]:
    for key, held in enumerate(state.held):
        lost = state._replace(held=put(state.held, key, None))
        if held is not None and state.key_losses:
            yield lost._replace(key_losses=state.key_losses - 1)
        # A fence expires only after every transaction, and a lease after the reader that took it.
        if isinstance(held, Fence):
            if all(state.writers[w].step in (REPORT, ENDED) for w in held.writers):
                yield lost
        elif isinstance(held, Lease) and state.readers[held.reader].step in (KEEP, DONE):
            yield lost
    if state.log_losses:
        yield state._replace(birth=state.birth + 1, log=(), log_losses=state.log_losses - 1)
