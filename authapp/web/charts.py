"""Charts that the server draws as SVG; each has a table with the same numbers beside it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from authapp.services.admin import Hour, Reads

WIDTH: Final = 480
HEIGHT: Final = 120
_GAP: Final = 3
_ROW: Final = 24


class Bar(NamedTuple):
    """A rectangle, and the class that gives it its color."""

    x: float
    y: float
    width: float
    height: float
    kind: str


def columns(hours: Sequence[Hour]) -> list[Bar]:
    """Return a column for each hour: sign-ins that succeeded, with the refused ones on top."""
    step = WIDTH / len(hours)
    most = max(hour.succeeded + hour.refused for hour in hours) or 1
    bars = []
    for place, hour in enumerate(hours):
        good, bad = (HEIGHT * number / most for number in (hour.succeeded, hour.refused))
        x, width = round(place * step, 1), round(step - _GAP, 1)
        bars.append(Bar(x, round(HEIGHT - good, 1), width, round(good, 1), "good"))
        bars.append(Bar(x, round(HEIGHT - good - bad, 1), width, round(bad, 1), "bad"))
    return [bar for bar in bars if bar.height]


def ratios(reads: Sequence[Reads]) -> list[Bar]:
    """Return two bars for each kind: one that is as long as all reads, and one of the hits."""
    bars = []
    for place, each in enumerate(reads):
        y = place * _ROW + _GAP
        bars.append(Bar(0, y, WIDTH, _ROW - 2 * _GAP, "rest"))
        bars.append(Bar(0, y, round(WIDTH * each.ratio, 1), _ROW - 2 * _GAP, "good"))
    return bars


def height_of(reads: Sequence[Reads]) -> int:
    """Return the height of the chart that `ratios` draws."""
    return max(len(reads), 1) * _ROW
