"""Checks that the cache agrees with the database after every test."""

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from authapp.errors import Unavailable
from authapp.token_cache import token_cache
from authapp.token_cache.redis.client import RedisUnavailable


def disagreements(app: Flask) -> list[str]:
    """Return the keys whose values in Redis differ from the database.

    Returns nothing if the test left Redis or the database unreachable.
    """
    with app.app_context():
        try:
            return [key for batch in token_cache.check() for key in batch.differing]
        except (RedisUnavailable, Unavailable, SQLAlchemyError):
            return []
