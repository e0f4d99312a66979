"""How many sign-ins succeed when many people sign in, and how many the hashing pool allows.

The pool alone is a process that hashes passwords without pause, as many at a time as the server.
Both run beside the same checks of tokens, and take turns, because other load changes slowly.
"""

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from authapp import ROOT
from authapp.config import load
from authapp.security.passwords import hash_password, verify_password
from tests.bench.ours import Ours
from tests.drill.faults import CHECK, HEALTH, SIGN_IN, Stage
from tests.drill.kinds import kinds
from tests.drill.traffic import Kind, Traffic
from tests.support.accounts import PASSWORD

NAME: Final = "60 people sign in, or the pool alone"
PEOPLE, TURNS, SECONDS = 60, 3, 6.0
LEAST_SHARE: Final = 0.9

_WARM_UP_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Throughput:
    """Successful sign-ins per second, and passwords that the pool alone hashes, for each turn."""

    sign_ins: list[float]
    hashes: list[float]

    @property
    def share(self) -> float:
        """Sign-ins for each password that the pool alone would have hashed."""
        pairs = zip(self.sign_ins, self.hashes, strict=True)
        return statistics.median(signed / hashed for signed, hashed in pairs)

    def row(self) -> str:
        """Return what the table shows."""
        signed, hashed = statistics.median(self.sign_ins), statistics.median(self.hashes)
        turns = ", ".join(
            f"{signed:.1f}/{hashed:.1f}"
            for signed, hashed in zip(self.sign_ins, self.hashes, strict=True)
        )
        return f"{signed:.1f}/s of {hashed:.1f}/s: {self.share:.0%} ({turns})"


def measure(
    ours: Ours, stage: Stage, *, seconds: float = SECONDS, turns: int = TURNS
) -> Throughput:
    """Take turns, each of this many seconds."""
    sign_ins, hashes = [], []
    for _ in range(turns):
        sign_ins.append(_sign_ins_per_second(ours, stage, seconds))
        hashes.append(_hashes_per_second(ours, stage, seconds))
    return Throughput(sign_ins, hashes)


def broken(found: Throughput) -> list[str]:
    """Return a line if too few sign-ins succeed."""
    if found.share >= LEAST_SHARE:
        return []
    return [f"{NAME}: {found.share:.0%} of what the pool allows, less than {LEAST_SHARE:.0%}"]


def _sign_ins_per_second(ours: Ours, stage: Stage, seconds: float) -> float:
    signing_in = Kind(SIGN_IN, ours.signing_in(PEOPLE), 0.0, is_patient=True)
    traffic = Traffic(stage.app.port, [*_checks(ours), signing_in])

    def count() -> int:
        return traffic.answers[SIGN_IN].statuses["200"]

    traffic.start()
    try:
        _wait(_WARM_UP_SECONDS)
        return _per_second(count, seconds)
    finally:
        traffic.stop()


def _hashes_per_second(ours: Ours, stage: Stage, seconds: float) -> float:
    hashers = load({**ours.environ, "PASSWORD_HASHERS": ""}).deployment.password_hashers
    traffic = Traffic(stage.app.port, _checks(ours))
    traffic.start()
    try:
        command = [sys.executable, "-m", "tests.drill.sign_ins", str(hashers), str(seconds)]
        return float(subprocess.check_output(command, cwd=ROOT, text=True))
    finally:
        traffic.stop()


def _checks(ours: Ours) -> list[Kind]:
    return [kind for kind in kinds(ours, sign_ins=0) if kind.name in {CHECK, HEALTH}]


def _per_second(count: Callable[[], int], seconds: float) -> float:
    before, began = count(), time.monotonic()
    _wait(seconds)
    return (count() - before) / (time.monotonic() - began)


def _wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def _hash(hashers: int, seconds: float) -> float:
    """Hash passwords in this many threads, and return how many in a second."""
    stored, hashed = hash_password(PASSWORD), [0] * hashers

    def work(number: int) -> None:
        while True:
            verify_password(stored, PASSWORD)
            hashed[number] += 1

    for number in range(hashers):
        threading.Thread(target=work, args=(number,), daemon=True).start()
    _wait(_WARM_UP_SECONDS)
    return _per_second(lambda: sum(hashed), seconds)


if __name__ == "__main__":
    sys.stdout.write(str(_hash(int(sys.argv[1]), float(sys.argv[2]))))
