"""A chart that the server draws as SVG; a table has the same numbers."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from authapp.services.admin import Hour

WIDTH: Final = 480
HEIGHT: Final = 120
_GAP: Final = 4


class Bar(NamedTuple):
    """A rectangle, and the class that gives it its color."""

    x: float
    y: float
    width: float
    height: float
    kind: str


def tallest(hours: Sequence[Hour]) -> int:
    """Return how many sign-ins the full height of the chart represents."""
    return max(hour.succeeded + hour.refused for hour in hours) or 1


def columns(hours: Sequence[Hour]) -> list[Bar]:
    """Return a column for each hour: sign-ins that succeeded, with the refused ones on top."""
    step, most = WIDTH / len(hours), tallest(hours)
    bars = []
    for place, hour in enumerate(hours):
        good, bad = (HEIGHT * number / most for number in (hour.succeeded, hour.refused))
        x, width = round(place * step + _GAP / 2, 1), round(step - _GAP, 1)
        bars.append(Bar(x, round(HEIGHT - good, 1), width, round(good, 1), "good"))
        bars.append(Bar(x, round(HEIGHT - good - bad, 1), width, round(bad, 1), "bad"))
    return [bar for bar in bars if bar.height]
