"""How commands parse arguments, list each other, are recorded, and report errors: in one line.

The exit code is 1 for a refusal, 2 for arguments that cannot be used, and 3 for an outage.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from inspect import cleandoc
from itertools import takewhile
from typing import Any, Final

import click
from flask import current_app
from flask.cli import AppGroup, ScriptInfo
from sqlalchemy.exc import DBAPIError, ProgrammingError

from authapp.cli.recording import recording
from authapp.cli.refusals import sentence
from authapp.errors import DomainError, InputRefused, Unavailable
from authapp.models.base import OUTAGES
from authapp.token_cache.redis.client import RedisUnavailable

_MISTYPED: Final = 0.8
"""Minimum similarity of a misspelled option to an existing one, from 0 to 1."""


class ValueCommand(click.Command):
    """Accepts an argument that begins with `-` as a value, unless it is an option.

    Tokens and key ids are base64url, so they can begin with `-` or `--`. An argument that
    resembles an option, or is one too many, is rejected as an unknown option. After `--`, every
    argument is a value.

    Each run goes into the audit log, unless the command only reads.
    """

    def __init__(self, *args: Any, reads_only: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reads_only = reads_only
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

    def invoke(self, ctx: click.Context) -> Any:
        if self.reads_only:
            return super().invoke(ctx)
        _enter_application(ctx)
        with recording(ctx):
            return super().invoke(ctx)

    def _unknown_options(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        names = (word.partition("=")[0] for word in takewhile(lambda word: word != "--", args))
        options = self._options(ctx)
        return [name for name in names if len(name) > 1 and name[0] == "-" and name not in options]

    def _options(self, ctx: click.Context) -> list[str]:
        options = (each for each in self.get_params(ctx) if isinstance(each, click.Option))
        return [name for option in options for name in (*option.opts, *option.secondary_opts)]

    def _no_such_option(self, ctx: click.Context, name: str) -> click.NoSuchOption:
        return click.NoSuchOption(name, possibilities=self._options(ctx), ctx=ctx)


class Outage(click.ClickException):
    """The database or Redis is not available, so nothing is known about the question."""

    exit_code = 3


class OneLineGroup(AppGroup):
    """Reports domain errors and outages in one line each."""

    command_class = ValueCommand

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the whole first sentence of their help, which click would cut."""
        listed = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, first_sentence(command)) for name, command in listed if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        with one_line():
            return super().invoke(ctx)


def first_sentence(command: click.Command) -> str:
    """Return the first sentence of a command's help, without the line breaks."""
    paragraph = cleandoc(command.help or "").partition("\n\n")[0]
    return re.split(r"(?<=\.)\s", " ".join(paragraph.split()), maxsplit=1)[0]


@contextmanager
def one_line(failure: type[click.ClickException] | None = None) -> Iterator[None]:
    """Report a domain error or an outage in one line; `failure` sets the exit code of both."""
    refused, outage = failure or click.ClickException, failure or Outage
    try:
        yield
    except InputRefused as error:
        raise refused(sentence(error)) from error
    except Unavailable as error:
        raise outage(str(error)) from error
    except DomainError as error:
        raise refused(str(error)) from error
    except RedisUnavailable as error:
        raise outage(f"Redis is not available: {error}") from error
    except (*OUTAGES, ProgrammingError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        reason = str(cause).splitlines()[0]
        raise outage(
            f"the database is not available ({reason}); check DATABASE_URL, and run"
            " `flask db upgrade` if you have not"
        ) from error


def _enter_application(ctx: click.Context) -> None:
    if not current_app:
        ctx.with_resource(ctx.ensure_object(ScriptInfo).load_app().app_context())
