"""What all applications of a test run share, because each would compute the same again."""

import gc
from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any, ClassVar

import redis.utils
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from authapp.http.application import Application


class SharedRule(Rule):
    """A route that compiles the function for its URL once.

    Each application has the same routes, and compiling them took most of the time that creating
    an application took.
    """

    _builders: ClassVar[dict[tuple[object, ...], Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Any:
        key = (self.rule, self.subdomain, repr(self.defaults), append_unknown)
        if key not in self._builders:
            self._builders[key] = super()._compile_builder(append_unknown)
        return self._builders[key]


class SharedTemplates(BytecodeCache):
    """Templates compiled by one application and kept in memory for all others."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._compiled.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[bucket.key, bucket.checksum] = bucket.code


def share_routes() -> None:
    """Make every application of this process use SharedRule."""
    Application.url_rule_class = SharedRule


def share_statements() -> None:
    """Compile each SQL statement once for all engines of a kind.

    A compiled statement is found by the dialect that it was compiled for, and each engine has its
    own.
    """
    compiled = LRUCache(10_000)

    def share(connection: Connection) -> None:
        connection.engine._compiled_cache = compiled

    event.listen(Engine, "engine_connect", share)
    for dialect in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        dialect.__eq__ = lambda one, other: type(one) is type(other)
        dialect.__hash__ = lambda one: hash(type(one))


def share_redis_version() -> None:
    """Read redis-py's version once, and not from a file at each connection."""
    redis.utils.get_lib_version = cache(redis.utils.get_lib_version)


def keep_what_is_imported() -> None:
    """Make no garbage collection look at what stays until the end of the run."""
    gc.collect()
    gc.freeze()
