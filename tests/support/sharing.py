"""What all applications of a test run share, because each would compute the same again."""

import gc
from functools import cache
from types import CodeType
from typing import ClassVar

import redis.utils
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule

from authapp.http.application import Application
from authapp.web import palette


class SharedRule(Rule):
    """A route whose URL is compiled once for all applications, which have the same routes.

    Compiling them took most of the time that creating an application took.
    """

    _compiled: ClassVar[dict[tuple[object, ...], Rule]] = {}

    def compile(self) -> None:
        key = (self.rule, self.subdomain, repr(self.defaults), self.merge_slashes)
        first = self._compiled.get(key)
        if first is None:
            super().compile()
            self._compiled[key] = self
            return
        self._parts, self._trace, self._converters = first._parts, first._trace, first._converters
        self.arguments |= first.arguments
        self._build = first._build.__func__.__get__(self)
        self._build_unknown = first._build_unknown.__func__.__get__(self)


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


def share_palettes() -> None:
    """Compute the colors of each brand once."""
    palette.light = cache(palette.light)
    palette.dark = cache(palette.dark)


def share_redis_version() -> None:
    """Read redis-py's version once, and not from a file at each connection."""
    redis.utils.get_lib_version = cache(redis.utils.get_lib_version)


def keep_what_is_imported() -> None:
    """Make no garbage collection look at what stays until the end of the run."""
    gc.collect()
    gc.freeze()
