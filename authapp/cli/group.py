"""A command group that says a refusal in one line and exits with 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy.exc import OperationalError, ProgrammingError

from authapp.errors import DomainError
from authapp.token_cache.redis.client import RedisAway


class OneLineGroup(AppGroup):
    """Turns domain errors and an unready database into one line each."""

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
