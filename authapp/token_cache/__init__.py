"""The token cache: every token model from Redis first, and from the database when it cannot answer.

A cache that cannot lie: docs/coherence.md states its protocol and proves it. Writers need not know
that it exists; the session's events keep it right.
"""

import os
from typing import Any, cast
from weakref import WeakKeyDictionary, finalize

from flask import Flask
from flask_caching import Cache

from authapp.config import Settings
from authapp.token_cache.jwt_keys import JWTKeyOperations
from authapp.token_cache.maintenance import Maintenance
from authapp.token_cache.parts import Parts, assemble
from authapp.token_cache.refresh_tokens import RefreshTokenOperations
from authapp.token_cache.store import SealedRedisCache
from authapp.token_cache.tokens import TokenOperations
from authapp.token_cache.verification_tokens import VerificationTokenOperations

__all__ = ["TokenCache", "token_cache"]


class TokenCache(
    TokenOperations,
    VerificationTokenOperations,
    RefreshTokenOperations,
    JWTKeyOperations,
    Maintenance,
):
    """The extension: the seed's operations, under the seed's names."""

    def __init__(self) -> None:
        super().__init__()
        self._cache_extension = Cache()
        self._closings: WeakKeyDictionary[Flask, finalize[Any, Flask]] = WeakKeyDictionary()
        self._left_to_the_parent: list[Parts] = []
        os.register_at_fork(after_in_child=self._begin_again)

    def init_app(self, app: Flask) -> None:
        """Give an application a cache of its own, over Flask-Caching's Redis backend."""
        settings: Settings = app.extensions["settings"]
        parts = app.extensions["token_cache"] = assemble(settings)
        # With the process at the latest: what was counted and noted in it is not lost.
        self._closings[app] = finalize(app, parts.close)
        backend = f"{SealedRedisCache.__module__}.{SealedRedisCache.__name__}"
        self._cache_extension.init_app(app, config={"CACHE_TYPE": backend})

    @property
    def store(self) -> SealedRedisCache:
        """The seed's cache service of the application at work."""
        return cast(SealedRedisCache, self._cache_extension.cache)

    def _begin_again(self) -> None:
        """In a forked process: leave connections, threads and locks to the parent.

        A server that loads the application before it forks has used some of them. They are kept,
        because letting a connection go says goodbye over the socket that the parent goes on using.
        """
        for app, closing in list(self._closings.items()):
            closing.detach()
            self._left_to_the_parent.append(app.extensions["token_cache"])
            self.init_app(app)


token_cache = TokenCache()
