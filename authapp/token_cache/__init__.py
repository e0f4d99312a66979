"""The token cache: every token model from Redis first, and from the database when it cannot answer.

A cache that cannot lie: docs/coherence.md states its protocol and proves it. Writers do not need to
know about it; the database session's events keep it right.
"""

import os
from typing import Any, cast
from weakref import WeakKeyDictionary, finalize

from flask import Flask
from flask_caching import Cache

from authapp.config import Settings
from authapp.token_cache.admin.maintenance import Maintenance
from authapp.token_cache.assembly import Assembly, assemble
from authapp.token_cache.backend import TokenCacheBackend
from authapp.token_cache.jwt_keys import JWTKeyOperations
from authapp.token_cache.refresh_tokens import RefreshTokenOperations
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
    """The extension: every operation on cached tokens, and the plain ones as `store`."""

    def __init__(self) -> None:
        super().__init__()
        self._cache_extension = Cache()
        self._closings: WeakKeyDictionary[Flask, finalize[Any, Flask]] = WeakKeyDictionary()
        self._left_to_the_parent: list[Assembly] = []
        os.register_at_fork(after_in_child=self._begin_again)

    def init_app(self, app: Flask) -> None:
        """Give an application a cache of its own, as a Flask-Caching backend."""
        settings: Settings = app.extensions["settings"]
        assembly = app.extensions["token_cache"] = assemble(settings)
        # At the latest when the process ends: counts and notes are not lost.
        self._closings[app] = finalize(app, assembly.close)
        backend = f"{TokenCacheBackend.__module__}.{TokenCacheBackend.__name__}"
        self._cache_extension.init_app(app, config={"CACHE_TYPE": backend})

    @property
    def store(self) -> TokenCacheBackend:
        """The plain operations of the current application's cache."""
        return cast(TokenCacheBackend, self._cache_extension.cache)

    def _begin_again(self) -> None:
        """In a forked process: leave connections, threads, locks and memory to the parent.

        A server that loads the application before it forks has used some of them. They are kept
        referenced, because closing a connection would write to the socket that the parent uses.
        """
        for app, closing in list(self._closings.items()):
            closing.detach()
            self._left_to_the_parent.append(app.extensions["token_cache"])
            self.init_app(app)


token_cache = TokenCache()
