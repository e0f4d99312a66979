"""A progress bar for work whose end is not known; it says nothing where nobody watches."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

import click

T = TypeVar("T")


def with_progress(items: Iterable[T], label: str) -> Iterator[T]:
    """Yield the items, and show on a terminal how many there were so far."""
    with click.progressbar(items, label=label, show_pos=True, hidden=not _is_watched()) as bar:
        yield from bar


def _is_watched() -> bool:
    return sys.stdout.isatty()
