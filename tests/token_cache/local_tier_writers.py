"""The writers of `local_tier_model`: fence, log, commit, settle, or journal; then report."""

from collections.abc import Iterator
from typing import Any

from tests.token_cache.local_tier_state import (
    ABORT,
    COMMIT,
    ENDED,
    FENCE,
    LIST,
    LOG,
    LOG_LOST,
    REPORT,
    ROW,
    SETTLE,
    Copy,
    Fence,
    Rules,
    State,
    Writer,
    put,
)


def writer_steps(state: State, index: int, rules: Rules) -> Iterator[State]:
    writer = state.writers[index]
    touched = writer.touches
    if writer.kind == "i" and not rules.inserts_fence_the_list:
        touched = tuple(key for key in touched if key != LIST)

    def to(step: int, state: State = state, **changes: Any) -> State:
        changed = writer._replace(step=step, **changes)
        return state._replace(writers=put(state.writers, index, changed))

    logs_first = not rules.fences_before_logging and writer.logged == (0, 0)
    if writer.step == FENCE and logs_first:
        logged = state._replace(log=(*state.log, touched))
        yield to(FENCE, logged, logged=(state.birth, len(logged.log)))
    elif writer.step == FENCE:
        fenced = state
        for key in touched:
            held = fenced.held[key]
            joined = Fence(frozenset({index}), shared=False)
            if isinstance(held, Fence):
                joined = Fence(held.writers | {index}, shared=True)
            fenced = fenced._replace(held=put(fenced.held, key, joined))
        yield to(LOG if rules.fences_before_logging else COMMIT, fenced)
    elif writer.step in (LOG, LOG_LOST):
        keys = touched if writer.step == LOG else writer.lost
        logged = state._replace(log=(*state.log, keys))
        after = COMMIT if writer.step == LOG else REPORT
        yield to(after, logged, logged=(state.birth, len(logged.log)))
    elif writer.step == COMMIT:
        yield to(ABORT)
        if _can_commit(state, writer):
            committed = _committed(state, writer)
            yield to(SETTLE, committed, versions=committed.versions)
    elif writer.step in (SETTLE, ABORT):
        yield from _settle(state, index, touched, rules)
        yield to(ENDED)  # its process was killed
    elif writer.step == REPORT:
        told = (not p.trusts or (p.birth, p.seen) >= writer.logged for p in state.processes)
        if not rules.waits_before_reporting or all(told):
            yield to(ENDED, _reported(state, writer))


def journaling_steps(state: State, index: int, rules: Rules) -> Iterator[State]:
    """A writer that cannot reach Redis."""
    writer = state.writers[index]
    if writer.step == FENCE and _can_commit(state, writer):
        committed = _committed(state, writer)
        journal = (*state.journal, writer.touches)
        changed = writer._replace(
            step=REPORT, versions=committed.versions, logged=(0, len(journal))
        )
        yield committed._replace(journal=journal, writers=put(state.writers, index, changed))
    elif writer.step == REPORT:
        waits = rules.journaled_inserts_wait or writer.kind not in "io"
        checked = (not p.believes or p.checked >= writer.logged[1] for p in state.processes)
        if not waits or all(checked):
            ended = put(state.writers, index, writer._replace(step=ENDED))
            yield _reported(state, writer)._replace(writers=ended)


def _settle(state: State, index: int, fenced: tuple[int, ...], rules: Rules) -> Iterator[State]:
    """Release the fences; write the row if its fence was not shared, and log lost fences again."""
    writer, held, lost = state.writers[index], state.held, []
    has_committed = writer.step == SETTLE
    for key in fenced:
        left: Any = None
        fence = held[key]
        if not isinstance(fence, Fence):
            lost.append(key)
        elif index not in fence.writers:
            lost.append(key)
            left = fence._replace(shared=True)
        elif len(fence.writers) > 1:
            left = Fence(fence.writers - {index}, shared=True)
        elif has_committed and not fence.shared and key == ROW and writer.kind != "d":
            left = Copy(writer.versions[ROW])
        held = put(held, key, left)
    step = REPORT if has_committed else ENDED
    if lost and has_committed and rules.logs_lost_fences:
        step = LOG_LOST
    changed = writer._replace(step=step, lost=tuple(lost))
    yield state._replace(held=held, writers=put(state.writers, index, changed))


def _can_commit(state: State, writer: Writer) -> bool:
    return writer.kind == "o" or state.exists == (writer.kind != "i")


def _committed(state: State, writer: Writer) -> State:
    versions = [v + (key in writer.touches) for key, v in enumerate(state.versions)]
    exists = state.exists if writer.kind == "o" else writer.kind != "d"
    return state._replace(versions=tuple(versions), exists=exists)


def _reported(state: State, writer: Writer) -> State:
    reported = list(state.reported)
    for key in writer.touches:
        reported[key] = max(reported[key], writer.versions[key])
    return state._replace(reported=tuple(reported))
