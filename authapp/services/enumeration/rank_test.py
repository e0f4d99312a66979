"""The Mann-Whitney U test: whether the values of one sample tend to be larger."""

from collections import Counter
from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class RankTest(NamedTuple):
    """The result of a test.

    `auc` is the probability that a value of the second sample is larger; 0.5 means no difference.
    `p` is the probability of a result at least as extreme if there is none.
    """

    auc: float
    p: float


def compare(first: Sequence[float], second: Sequence[float]) -> RankTest:
    """Test two samples, two-sided, by the normal approximation, corrected for ties.

    Source: H. B. Mann and D. R. Whitney, 1947; the tables begin to agree with it at 8 values each.
    """
    pairs = len(first) * len(second)
    u = sum((b > a) + (b == a) / 2 for a in first for b in second)
    deviation = _deviation(first, second)
    # Half a rank is the continuity correction.
    distance = max(0.0, abs(u - pairs / 2) - 0.5)
    p = 2 * NormalDist().cdf(-distance / deviation) if deviation else 1.0
    return RankTest(u / pairs, p)


def smallest_p(size: int) -> float:
    """Return the smallest `p` that two samples of this size can have: if they do not overlap."""
    return compare(range(size), range(size, 2 * size)).p


def _deviation(first: Sequence[float], second: Sequence[float]) -> float:
    total = len(first) + len(second)
    ties = sum(count**3 - count for count in Counter([*first, *second]).values())
    return sqrt(len(first) * len(second) / 12 * (total + 1 - ties / (total * (total - 1))))
