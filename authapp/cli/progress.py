"""A progress bar for work of unknown length; hidden unless standard output is a terminal."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click

T = TypeVar("T")


def with_progress(items: Iterable[T], label: str) -> Iterator[T]:
    """Yield the items, and show the number so far on a terminal."""
    with click.progressbar(items, label=label, show_pos=True, hidden=not is_watched()) as bar:
        yield from bar


def is_watched() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout.isatty()
