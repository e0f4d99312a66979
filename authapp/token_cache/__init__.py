"""The token cache: reads every token model from Redis first, and from the database as a fallback.

A read that begins after a change was reported never returns an older state: docs/coherence.md
states the protocol and proves it. Writers do not call the cache; the database session's events do.
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
    """The Flask extension: operations on cached tokens, and plain cache operations as `store`."""

    def __init__(self) -> None:
        super().__init__()
        self._cache_extension = Cache()
        self._finalizers: WeakKeyDictionary[Flask, finalize[Any, Flask]] = WeakKeyDictionary()
        self._parent_assemblies: list[Assembly] = []
        os.register_at_fork(after_in_child=self._reset_after_fork)

    def init_app(self, app: Flask) -> None:
        """Create the application's own cache and register it as its Flask-Caching backend."""
        settings: Settings = app.extensions["settings"]
        assembly = assemble(settings, app.extensions["database_slots"])
        app.extensions["token_cache"] = assembly
        # Runs when the process exits at the latest, so that counters and last uses are stored.
        self._finalizers[app] = finalize(app, assembly.close)
        backend = f"{TokenCacheBackend.__module__}.{TokenCacheBackend.__name__}"
        self._cache_extension.init_app(app, config={"CACHE_TYPE": backend})

    @property
    def store(self) -> TokenCacheBackend:
        """The plain operations of the current application's cache."""
        return cast(TokenCacheBackend, self._cache_extension.cache)

    def _reset_after_fork(self) -> None:
        """Give a forked process its own connections, threads, locks and memory.

        A server that loads the application before it forks may have opened connections already.
        The parent's objects stay referenced, because closing a connection would write to the
        socket that the parent still uses.
        """
        for app, finalizer in list(self._finalizers.items()):
            finalizer.detach()
            self._parent_assemblies.append(app.extensions["token_cache"])
            self.init_app(app)


token_cache = TokenCache()
