"""Reports the result of each line of an import."""

import sys
from typing import IO, Final

import click

from authapp.cli.progress import is_watched

CLEAR_LINE: Final = "\r\x1b[K"
"""For a terminal that shows a progress bar in the same line."""


class Report:
    """Writes a line for each record that was left out, and counts the others.

    It writes to standard error if it gets no file.
    """

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file
        self._before = CLEAR_LINE if is_watched() and sys.stderr.isatty() else ""
        self.added = self.skipped = self.refused = 0

    def skip(self, line: int, reason: str) -> None:
        """Report an account that already exists."""
        self.skipped += 1
        self._write(f"line {line}: skipped: {reason}")

    def refuse(self, line: int, reason: str) -> None:
        """Report a line that cannot become an account."""
        self.refused += 1
        self._write(f"line {line}: refused: {reason}")

    def _write(self, text: str) -> None:
        if self._file is None:
            click.echo(self._before + text, err=True)
        else:
            click.echo(text, file=self._file)
