"""The protocol of docs/coherence.md as a model, small enough to explore every state.

The model has one key, some readers and writers, and a server that may freeze and thaw, lose the
key, or be replaced by an older state of itself. Messages to a frozen server wait in its socket: it
may receive them later, in any order, or never. A writer that could not fence writes to the journal
in its commit; one that could not settle writes to it afterward. Both report success only when no
reader can still trust an earlier check. The model imports no product code: it is the specification,
and `explore` proves it for small sizes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

ENTER, LOOK, LEASE, LOAD, FILL, READ = range(6)
FENCE, COMMIT, SETTLE, REPORT, REPORTED, GONE = range(6)


class Value(NamedTuple):
    version: int
    epoch: int


class Lease(NamedTuple):
    reader: int


class Fence(NamedTuple):
    writers: frozenset[int]
    shared: bool


class Reader(NamedTuple):
    """`saw` counts the journal's lines at its last check, or is None if it does not trust Redis;
    `due` is the lowest version that its read may return; `epoch` is the one that it knows."""

    step: int = ENTER
    saw: int | None = None
    epoch: int = 0
    loaded: int = 0
    due: int = 0
    returned: int | None = None


class Writer(NamedTuple):
    step: int = FENCE
    fenced: bool = False
    committed: int = 0
    journaled: int = 0  # length of the journal after its own line; 0 if it wrote none


class State(NamedTuple):
    key: Any
    row: int
    journaled: int
    replayed: int
    epoch: int
    server: int  # increases each time the server is replaced
    known_server: int  # the server that the epoch belongs to
    frozen: bool
    late: frozenset[Any]  # messages sent to a frozen server, not received yet
    readers: tuple[Reader, ...]
    writers: tuple[Writer, ...]
    reported: int
    faults: int


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; leaving any one out must make some read stale."""

    fences: bool = True
    leases: bool = True
    journals: bool = True
    journals_unsettled: bool = True
    waits_before_reporting: bool = True
    checks_the_server: bool = True


@dataclass(frozen=True)
class Faults:
    """Which faults may happen, and how many in total."""

    most: int = 0
    freezes: bool = False
    replaces: bool = False
    crashes: bool = False


def explore(readers: int, writers: int, rules: Rules, faults: Faults) -> Iterator[bool]:
    """Explore every state, and yield for each whether a read in it was stale."""
    start = State(
        Value(0, 0), 0, 0, 0, 0, 0, 0, False, frozenset(),
        (Reader(),) * readers, (Writer(),) * writers, 0, faults.most,
    )  # fmt: skip
    seen, queue = {start}, deque([start])
    while queue:
        state = queue.popleft()
        yield any(r.returned is not None and r.returned < r.due for r in state.readers)
        for following in _steps(state, rules, faults):
            if following not in seen:
                seen.add(following)
                queue.append(following)


def _steps(state: State, rules: Rules, faults: Faults) -> Iterator[State]:
    for index in range(len(state.readers)):
        yield from _reader(state, index, rules)
    for index in range(len(state.writers)):
        yield from _writer(state, index, rules, faults)
    yield from _world(state, faults)


def _reader(state: State, index: int, rules: Rules) -> Iterator[State]:
    reader = state.readers[index]

    def to(state: State, **changes: Any) -> State:
        return state._replace(readers=_put(state.readers, index, reader._replace(**changes)))

    if reader.saw is not None and reader.step in (ENTER, LOOK):
        yield to(state, saw=None)  # its trust ends
    if reader.step == ENTER:
        due = max(state.reported, _binding_commits(state, rules))
        if reader.saw is not None:
            yield to(state, step=LOOK, due=due)
        elif state.frozen:
            yield to(state, step=READ, due=due, returned=state.row)  # the database answers
        else:
            checked = _checked(state, rules)
            yield to(checked, saw=state.journaled, epoch=checked.epoch)
    elif reader.step == LOOK:
        yield from _look(state, reader, to)
    elif reader.step == LEASE:
        if state.frozen:
            yield to(state, step=READ, returned=state.row)
        elif state.key is None:
            yield to(state._replace(key=Lease(index)), step=LOAD)
        else:
            yield to(state, step=READ, returned=state.row)
    elif reader.step == LOAD:
        yield to(state, step=FILL, loaded=state.row)
    elif reader.step == FILL:
        filled = ("fill", index, reader.loaded, reader.epoch)
        told = _tell(state, filled, rules)
        yield to(told, step=READ, returned=reader.loaded)


def _look(state: State, reader: Reader, to: Any) -> Iterator[State]:
    if state.frozen:
        yield to(state, step=READ, saw=None, returned=state.row)
    elif state.key is None:
        yield to(state, step=LEASE)
    elif isinstance(state.key, Value) and state.key.epoch == reader.epoch:
        yield to(state, step=READ, returned=state.key.version)
    elif isinstance(state.key, Value):
        yield to(state._replace(key=None), step=LEASE)  # cannot be opened: a miss
    else:
        yield to(state, step=READ, returned=state.row)


def _binding_commits(state: State, rules: Rules) -> int:
    """Return the last commit that binds every read that begins after it, reported or not.

    A commit whose writer could not fence binds once it is reported; so does every commit whose
    fence was lost because the server was replaced.
    """
    if state.server:
        return 0
    return max((w.committed for w in state.writers if w.fenced or not rules.fences), default=0)


def _checked(state: State, rules: Rules) -> State:
    """Check the server and the journal before trusting Redis."""
    if rules.checks_the_server and state.server != state.known_server:
        state = state._replace(epoch=state.epoch + 1, known_server=state.server)
    if state.journaled > state.replayed:
        state = state._replace(key=_invalidated(state.key), replayed=state.journaled)
    return state


def _writer(state: State, index: int, rules: Rules, faults: Faults) -> Iterator[State]:
    writer = state.writers[index]

    def to(state: State, **changes: Any) -> State:
        return state._replace(writers=_put(state.writers, index, writer._replace(**changes)))

    if writer.step == FENCE:
        told = _tell(state, ("fence", index), rules) if rules.fences else state
        yield to(told, step=COMMIT, fenced=not state.frozen and rules.fences)
    elif writer.step == COMMIT:
        row = state.row + 1
        committed = to(state._replace(row=row), step=SETTLE, committed=row)
        journals = rules.journals and not writer.fenced
        yield _journaled(committed, index) if journals else committed
        yield to(state, step=SETTLE)  # rolled back
    elif writer.step == SETTLE:
        yield _settled(state, index, rules, to)
        if faults.crashes:
            yield to(state, step=GONE)
    elif writer.step == REPORT:
        checks = [r.saw for r in state.readers if r.saw is not None]
        if not rules.waits_before_reporting or all(saw >= writer.journaled for saw in checks):
            reported = max(state.reported, writer.committed)
            yield to(state._replace(reported=reported), step=REPORTED)


def _settled(state: State, index: int, rules: Rules, to: Any) -> State:
    """Settle a fence; journal it if the server is frozen, because the fence may be lost too."""
    writer = state.writers[index]
    if not writer.fenced:
        return to(state, step=REPORT)
    told = to(_tell(state, ("settle", index, writer.committed, state.epoch), rules), step=REPORT)
    unheard = state.frozen and writer.committed
    return _journaled(told, index) if unheard and rules.journals_unsettled else told


def _journaled(state: State, index: int) -> State:
    """Write one line of the journal."""
    journaled = state.journaled + 1
    writer = state.writers[index]._replace(journaled=journaled)
    return state._replace(journaled=journaled, writers=_put(state.writers, index, writer))


def _tell(state: State, message: Any, rules: Rules) -> State:
    """Send a message to the server, which receives it now or, if frozen, later or never."""
    if state.frozen:
        return state._replace(late=state.late | {message})
    return state._replace(key=_heard(state.key, message, rules))


def _heard(key: Any, message: Any, rules: Rules) -> Any:
    """Return what the key holds after a script of authapp/token_cache/scripts.py ran."""
    match message:
        case ("fence", index):
            joined = key.writers if isinstance(key, Fence) else frozenset()
            return Fence(joined | {index}, isinstance(key, Fence))
        case ("fill", index, version, epoch):
            if not rules.leases:
                return Value(version, epoch)
            return Value(version, epoch) if key == Lease(index) else key
        case ("settle", index, committed, epoch):
            if not isinstance(key, Fence):
                return None
            rest = key.writers - {index}
            if rest or index not in key.writers:
                return Fence(rest, True)
            return Value(committed, epoch) if committed and not key.shared else None
    raise AssertionError(message)


def _invalidated(key: Any) -> Any:
    return Fence(key.writers, True) if isinstance(key, Fence) else None


def _world(state: State, faults: Faults) -> Iterator[State]:
    """Yield the state after each outside event: freeze, thaw, late message, loss, or expiry."""
    if isinstance(state.key, Value):
        yield state._replace(key=None)
    if isinstance(state.key, Fence) and all(
        state.writers[w].step >= REPORT for w in state.key.writers
    ):
        yield state._replace(key=None)
    if isinstance(state.key, Lease) and state.readers[state.key.reader].step == READ:
        yield state._replace(key=None)
    if state.frozen:
        yield state._replace(frozen=False)
    else:
        for message in state.late:
            rest = state.late - {message}
            yield state._replace(late=rest, key=_heard(state.key, message, Rules()))
            yield state._replace(late=rest)
    if not state.faults:
        return
    left = state.faults - 1
    if faults.freezes and not state.frozen:
        yield state._replace(frozen=True, faults=left)
    if faults.replaces and not state.frozen:
        # Another server with an older value. Every connection breaks: no reader trusts it yet, and
        # a read in progress is answered by the database.
        doubting = tuple(
            reader._replace(saw=None, step=READ, returned=state.row)
            if reader.step in (LOOK, LEASE)
            else reader._replace(saw=None)
            for reader in state.readers
        )
        older = Value(0, 0)
        yield state._replace(
            key=older, server=state.server + 1, readers=doubting, late=frozenset(), faults=left
        )


def _put(items: tuple[Any, ...], index: int, item: Any) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])
