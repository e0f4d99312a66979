"""Durations as operators type them: `30d`, `12h`, `1d 6h`."""

from datetime import timedelta
from typing import Any, Final

import click
from pytimeparse.timeparse import timeparse

MAX_DURATION: Final = timedelta(days=3650)


class Duration(click.ParamType[timedelta]):
    """A duration with units, from 1 second to MAX_DURATION."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, timedelta):
            return value
        seconds = timeparse(value) if value.isascii() else None
        if seconds is None or not 1 <= seconds <= MAX_DURATION.total_seconds():
            self.fail(f"{value!a} is not a duration such as 30d, 12h or 90m", param, ctx)
        return timedelta(seconds=seconds)


DURATION: Final = Duration()
