"""The product's mark: a tile with a lower edge cut like a key, derived from the product's name."""

from hashlib import sha256
from typing import Final

_CUTS: Final = 5
_DEPTHS: Final = 4
_STEP: Final = 3
_SLOPE: Final = 0.16
"""The fraction of a cut's width over which the edge falls, and again over which it rises."""


def tile(name: str) -> str:
    """Return the outline of the tile as an SVG path, 48 units wide and high."""
    return f"M0 10Q0 0 10 0H38Q48 0 48 10{edge(cuts(name), width=48, top=39)}Z"


def blade(name: str) -> str:
    """Return the band below the header as an SVG path, 240 units wide and 10 high."""
    return f"M0 0H240{edge(cuts(name) * 2, width=240, top=0)}Z"


def cuts(name: str) -> tuple[int, ...]:
    """Return the depths of the cuts: always the same for a name, and never equal for neighbors."""
    depths: list[int] = []
    for byte in sha256(name.encode()).digest()[:_CUTS]:
        depth = byte % _DEPTHS
        depths.append((depth + 1) % _DEPTHS if [depth] == depths[-1:] else depth)
    return tuple(depths)


def edge(depths: tuple[int, ...], *, width: float, top: float) -> str:
    """Return the lower edge as part of an SVG path, from right to left."""
    each = width / len(depths)
    points: list[tuple[float, float]] = []
    for index, depth in enumerate(depths):
        y = top + (_DEPTHS - 1 - depth) * _STEP
        points += [((index + _SLOPE) * each, y), ((index + 1 - _SLOPE) * each, y)]
    points[0], points[-1] = (0, points[0][1]), (width, points[-1][1])
    return "".join(f"L{x:g} {y:g}" for x, y in reversed(points))
