"""The product's mark: a tile whose lower edge is cut like a key, by the letters of its name."""

from hashlib import sha256
from typing import Final

from flask import Flask

from authapp.config import Settings

_CUTS: Final = 6
_DEPTHS: Final = 4
_SLOPE: Final = 0.22
"""The part of a cut's width in which the blade falls or rises."""


def init_app(app: Flask) -> None:
    """Give templates the product's name and what is drawn from it."""
    settings: Settings = app.extensions["settings"]
    depths = cuts(settings.app_name)
    app.jinja_env.globals.update(
        app_name=settings.app_name,
        brand_initial=settings.app_name[0].upper(),
        brand_tile=f"M0 11Q0 0 11 0H37Q48 0 48 11V38{edge(depths, left=0, width=48, top=38)}Z",
        brand_blade=f"M0 0H240V0{edge(depths * 2, left=0, width=240, top=0)}Z",
    )


def cuts(name: str) -> tuple[int, ...]:
    """Return how deep each cut is: the same for a name every time, and never level."""
    depths: list[int] = []
    for byte in sha256(name.encode()).digest()[:_CUTS]:
        depth = byte % _DEPTHS
        depths.append((depth + 1) % _DEPTHS if depths and depth == depths[-1] else depth)
    return tuple(depths)


def edge(depths: tuple[int, ...], *, left: float, width: float, top: float) -> str:
    """Return an SVG path's lower edge, drawn from the right to the left."""
    each = width / len(depths)
    points = []
    for index in reversed(range(len(depths))):
        level = top + (_DEPTHS - 1 - depths[index]) * 3
        start = left + index * each
        points += [(start + each * (1 - _SLOPE), level), (start + each * _SLOPE, level)]
    return "".join(f"L{x:g} {y:g}" for x, y in points)
