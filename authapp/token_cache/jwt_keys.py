"""Signing keys through the cache, and the one read that checks an access token."""

from uuid import UUID

from cachetools import LRUCache

from authapp.token_cache.entries import RowEntry
from authapp.token_cache.operations import Operations, unexpired
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, JWTKeyRecord, RefreshTokenRecord


class JWTKeyOperations(Operations):
    """The six operations on signing keys, and what backs an access token."""

    def __init__(self) -> None:
        # The id that belongs to a kid never changes, so each process remembers it.
        self._ids: LRUCache[str, UUID] = LRUCache(256)

    def get_jwt_key_by_id(self, id: UUID) -> JWTKeyRecord | None:
        """Return a key; None if it does not exist or can no longer verify anything."""
        return self._get(JWT_KEY, id)

    def get_jwt_key_by_key_id(self, key_id: str) -> JWTKeyRecord | None:
        """Return a key by its `kid`; None if it is not one that is trusted."""
        id = self._id_of(key_id)
        return self._get(JWT_KEY, id) if id else None

    def get_active_jwt_keys(self) -> list[JWTKeyRecord]:
        """Return the keys that tokens may be verified with: next, active and retired."""
        return self._get_all(JWT_KEY)

    def get_session_and_key(
        self, session_id: UUID, key_id: str
    ) -> tuple[RefreshTokenRecord | None, JWTKeyRecord | None]:
        """Return the session and the signing key behind an access token, in one read."""
        id = self._id_of(key_id)
        if id is None:
            return None, None
        entries = (RowEntry(REFRESH_TOKEN, session_id), RowEntry(JWT_KEY, id))
        session, key = self.assembly.reader.read(entries)
        return unexpired(session), unexpired(key)

    def cache_jwt_key(self, id: UUID) -> None:
        """Make sure that a key is cached, as it is committed."""
        self._cache(JWT_KEY, id)

    def invalidate_jwt_key(self, id: UUID) -> None:
        """Remove one key's entry."""
        self._invalidate(JWT_KEY, id)

    def invalidate_all_jwt_keys(self) -> None:
        """Remove the entries of all keys, and their list."""
        self._invalidate_all(JWT_KEY)

    def _id_of(self, key_id: str) -> UUID | None:
        """Return the row id of a kid; a kid that is not in the list belongs to no trusted key."""
        id = self._ids.get(key_id)
        if id is None:
            ids = {key.kid: key.id for key in self.get_active_jwt_keys()}
            self._ids.update(ids)
            id = ids.get(key_id)
        return id
