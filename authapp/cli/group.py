"""How commands read their arguments and report a refusal: in one line, with exit code 1."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from itertools import takewhile
from typing import Any, Final

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from authapp.errors import DomainError
from authapp.token_cache.redis.client import RedisAway

_MISTYPED: Final = 0.8
"""How similar to an option a word is taken for a misspelling of it, from 0 to 1."""


class ValueCommand(click.Command):
    """Takes a word that begins with `-` as a value, unless it names an option.

    Tokens and key ids are base64url, so they may begin with `-` or `--`. A word that resembles
    an option, or for which there is no argument, is refused as an unknown option. After `--`
    every word is a value.
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
            # Its subclasses are about a value; the class itself means too many of them.
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
    """Turns domain errors and an unready database into one line each."""

    command_class = ValueCommand

    def invoke(self, ctx: click.Context) -> Any:
        with one_line():
            return super().invoke(ctx)


@contextmanager
def one_line(failure: type[click.ClickException] = click.ClickException) -> Iterator[None]:
    """Say a refusal or an outage in one line; the failure's kind has the exit code."""
    try:
        yield
    except DomainError as error:
        raise failure(str(error)) from error
    except RedisAway as error:
        raise failure(f"Redis does not answer as it should: {error}") from error
    except (OperationalError, ProgrammingError) as error:
        reason = str(error.orig).splitlines()[0]
        raise failure(
            f"the database does not answer as it should ({reason}); is DATABASE_URL right,"
            " and has `flask db upgrade` been run?"
        ) from error
