"""How much memory the processes of servers hold, from their start to their end."""

from collections.abc import Iterator, Sequence
from typing import Final

from tests.support.servers import AppServer

GROWTH: Final = 0.1
"""The share by which a process may grow after the first third of its life, in which it warms up."""

_SAMPLES: Final = 30
"""Below that many samples, a process has not lived long enough to be judged."""


class Resident:
    """Samples of the resident memory of each worker, in mebibytes."""

    def __init__(self) -> None:
        self._samples: dict[int, list[float]] = {}

    def sample(self, servers: Sequence[AppServer]) -> None:
        for server in servers:
            for worker in server.workers():
                mebibytes = worker.memory_info().rss / 2**20
                self._samples.setdefault(worker.pid, []).append(mebibytes)

    def now(self) -> str:
        """Return how much memory each process holds, or held at its end."""
        return " ".join(f"{taken[-1]:.0f} MiB" for taken in self._samples.values())

    def lines(self) -> Iterator[str]:
        for pid, taken in self._samples.items():
            warm = taken[len(taken) // 3]
            yield f"process {pid}: {taken[0]:.0f} MiB, warm {warm:.0f}, at its end {taken[-1]:.0f}"

    def grown(self) -> list[str]:
        """Return a line for each process that kept growing once it was warm."""
        return [
            f"process {pid} grew from {warm:.0f} to {taken[-1]:.0f} MiB"
            for pid, taken in self._samples.items()
            if len(taken) >= _SAMPLES
            and taken[-1] > (warm := taken[len(taken) // 3]) * (1 + GROWTH)
        ]
