"""How commands parse arguments and report errors: in one line, with exit code 1."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import takewhile
from typing import Any, Final

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError, ProgrammingError

from authapp.errors import DomainError
from authapp.models.base import OUTAGES
from authapp.token_cache.redis.client import RedisUnavailable

_MISTYPED: Final = 0.8
"""Minimum similarity of a misspelled option to an existing one, from 0 to 1."""


class ValueCommand(click.Command):
    """Accepts an argument that begins with `-` as a value, unless it is an option.

    Tokens and key ids are base64url, so they can begin with `-` or `--`. An argument that
    resembles an option, or is one too many, is rejected as an unknown option. After `--`, every
    argument is a value.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ignore_unknown_options = any(isinstance(each, click.Argument) for each in self.params)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not self.ignore_unknown_options:
            return super().parse_args(ctx, args)
        unknown = self._unknown_options(ctx, args)
        for word in unknown:
            if get_close_matches(word, self._options(ctx), cutoff=_MISTYPED):
                raise self._no_such_option(ctx, word)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            # Subclasses are about one value; UsageError itself means too many values.
            if unknown and type(error) is click.UsageError:
                raise self._no_such_option(ctx, unknown[0]) from None
            raise

    def _unknown_options(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        names = (word.partition("=")[0] for word in takewhile(lambda word: word != "--", args))
        options = self._options(ctx)
        return [name for name in names if len(name) > 1 and name[0] == "-" and name not in options]

    def _options(self, ctx: click.Context) -> list[str]:
        options = (each for each in self.get_params(ctx) if isinstance(each, click.Option))
        return [name for option in options for name in (*option.opts, *option.secondary_opts)]

    def _no_such_option(self, ctx: click.Context, name: str) -> click.NoSuchOption:
        return click.NoSuchOption(name, possibilities=self._options(ctx), ctx=ctx)


class OneLineGroup(AppGroup):
    """Reports domain errors and outages in one line each."""

    command_class = ValueCommand

    def invoke(self, ctx: click.Context) -> Any:
        with one_line():
            return super().invoke(ctx)


@contextmanager
def one_line(failure: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Report a domain error or an outage in one line; `failure` sets the exit code."""
    try:
        yield
    except DomainError as error:
        raise failure(str(error)) from error
    except RedisUnavailable as error:
        raise failure(f"Redis is not available: {error}") from error
    except (*OUTAGES, ProgrammingError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).splitlines()[0]
        raise failure(
            f"the database is not available ({reason}); check DATABASE_URL, and run"
            " `flask db upgrade` if you have not"
        ) from error
