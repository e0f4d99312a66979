"""The protocol of docs/coherence.md as a model, small enough to walk through every state of it.

One key, some readers and writers, and a server that may freeze and thaw, lose the key, or be
replaced by an older self. What is said to a frozen server waits in its socket: it may be heard
later, in any order, or never. A writer that could not fence writes the journal in its commit, one
that could not settle writes it after; both report success only when no reader can still believe a
check from before. The model imports nothing of the product: it is the specification, and `explore`
is its proof for small sizes.
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
    """`saw` counts the journal's lines at its last check, None when it believes nothing; `due` is
    the least version that its read may return; `epoch` is the one that it knows."""

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
    journaled: int = 0  # how many lines the journal had after its own; 0 if it wrote none


class State(NamedTuple):
    key: Any
    row: int
    journaled: int
    replayed: int
    epoch: int
    server: int  # which life of the server this is
    known_server: int  # the one that the epoch belongs to
    frozen: bool
    late: frozenset[Any]  # what a frozen server has been told and not heard
    readers: tuple[Reader, ...]
    writers: tuple[Writer, ...]
    reported: int
    faults: int


@dataclass(frozen=True)
class Rules:
    """The rules of the protocol; leaving one out must let a reader see the past."""

    fences: bool = True
    leases: bool = True
    journals: bool = True
    journals_unsettled: bool = True
    waits_before_reporting: bool = True
    checks_the_server: bool = True


@dataclass(frozen=True)
class Faults:
    """How often the world may intervene, and how."""

    most: int = 0
    freezes: bool = False
    replaces: bool = False
    crashes: bool = False


def explore(readers: int, writers: int, rules: Rules, faults: Faults) -> Iterator[bool]:
    """Walk every state, and yield of each whether a read in it returned the past."""
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
        yield to(state, saw=None)  # its moment is over
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
        yield to(state._replace(key=None), step=LEASE)  # it does not open: a miss
    else:
        yield to(state, step=READ, returned=state.row)


def _binding_commits(state: State, rules: Rules) -> int:
    """Return the last commit that binds every read that begins after it, reported or not.

    One that could not fence binds from its report on; so does every one whose fence was lost
    because the server was replaced.
    """
    if state.server:
        return 0
    return max((w.committed for w in state.writers if w.fenced or not rules.fences), default=0)


def _checked(state: State, rules: Rules) -> State:
    """Look at the server and at the journal before Redis is believed."""
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
    """Settle a fence; what a server did not hear is journaled, for the fence may be lost too."""
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
    """Say something to the server: it hears it now or, when frozen, perhaps later."""
    if state.frozen:
        return state._replace(late=state.late | {message})
    return state._replace(key=_heard(state.key, message, rules))


def _heard(key: Any, message: Any, rules: Rules) -> Any:
    """What the key holds after a script ran; as authapp/token_cache/scripts.py has it."""
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
    """What nobody decides: freezing, thawing, late messages, losses, and time running out."""
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
        # Another server with an older value. Every connection breaks: nobody believes it yet, and
        # who was in the middle of a read has the database answer.
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
