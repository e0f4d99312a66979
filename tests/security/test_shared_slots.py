"""Processes of one server share a number of slots, and a process that dies returns its slot."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from authapp import ROOT
from authapp.security import shared_slots
from authapp.security.shared_slots import NoSharedSlot, shared_slot

HOLDER = """
import sys
from pathlib import Path
from authapp.security.shared_slots import shared_slot

with shared_slot(Path(sys.argv[1]), int(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_slots, "WAIT_SECONDS", 0.02)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process, which holds one of two slots."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), "2"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def take(tmp_path: Path, stack: ExitStack, slots: int = 2) -> None:
    stack.enter_context(shared_slot(tmp_path, slots))


def test_no_more_are_held_than_there_are(tmp_path: Path, holder: "subprocess.Popen[str]") -> None:
    with ExitStack() as stack:
        take(tmp_path, stack)

        with pytest.raises(NoSharedSlot):
            take(tmp_path, stack)

        stack.close()
        take(tmp_path, stack)


def test_a_process_that_dies_returns_its_slot(
    tmp_path: Path, holder: "subprocess.Popen[str]"
) -> None:
    holder.kill()
    holder.wait()

    with ExitStack() as stack:
        take(tmp_path, stack)
        take(tmp_path, stack)
