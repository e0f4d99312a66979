"""The Mann-Whitney U test, compared with published values."""

import pytest

from authapp.services.enumeration.rank_test import compare, smallest_p

pytestmark = pytest.mark.usefixtures("new_hour")


def test_it_agrees_with_scipy() -> None:
    """Values of scipy.stats.mannwhitneyu(..., method="asymptotic")."""
    males, females = [19, 22, 16, 29, 24], [20, 11, 17, 12]

    result = compare(females, males)

    assert result.auc == 17 / 20
    assert result.p == pytest.approx(0.11134688653314041)


def test_ties_are_corrected() -> None:
    first, second = [1, 1, 2, 2, 3, 3, 4], [2, 2, 3, 3, 4, 4, 5]

    assert compare(first, second).p > compare([1, 1, 1, 2, 2, 2, 3], [4, 4, 5, 5, 6, 6, 6]).p
    assert compare([1, 1], [1, 1]) == (0.5, 1.0)


def test_the_direction_does_not_change_the_probability() -> None:
    slow, fast = [3.1, 3.3, 3.2, 3.4], [3.0, 3.15, 2.9, 3.05]

    assert compare(fast, slow).p == compare(slow, fast).p
    assert compare(fast, slow).auc == pytest.approx(1 - compare(slow, fast).auc)


def test_a_larger_sample_can_show_more() -> None:
    assert smallest_p(30) < smallest_p(12) < smallest_p(8) < 0.01
