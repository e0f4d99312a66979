"""Checks that the cache agrees with the database after every test."""

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from authapp.errors import Unavailable
from authapp.token_cache import token_cache
from authapp.token_cache.entries import ListEntry, parse
from authapp.token_cache.redis.client import RedisUnavailable


def disagreements(app: Flask, *, clock_moved: bool = False) -> list[str]:
    """Return the keys whose values in Redis differ from the database.

    Returns nothing if the test left Redis or the database unreachable. Once the clock has moved
    back, a list that was filled in the future lacks what had expired by then, so that lists are
    not compared.
    """
    with app.app_context():
        try:
            differing = [key for batch in token_cache.check() for key in batch.differing]
        except (RedisUnavailable, Unavailable, SQLAlchemyError):
            return []
    return [key for key in differing if not (clock_moved and isinstance(parse(key), ListEntry))]
