"""Operations on cached signing keys, and the single read that checks an access token."""

from uuid import UUID

from cachetools import LRUCache

from authapp.token_cache.entries import RowEntry
from authapp.token_cache.operations import Operations, unexpired
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, JWTKeyRecord, RefreshTokenRecord


class JWTKeyOperations(Operations):
    """The six operations on signing keys, and `get_session_and_key`."""

    def __init__(self) -> None:
        # A kid's row id never changes, so each process remembers it.
        self._ids: LRUCache[str, UUID] = LRUCache(256)

    def get_jwt_key_by_id(self, id: UUID) -> JWTKeyRecord | None:
        """Return a key, or None if it does not exist or has expired."""
        return self._get(JWT_KEY, id)

    def get_jwt_key_by_key_id(self, key_id: str) -> JWTKeyRecord | None:
        """Return a key by its `kid`, or None if the kid is unknown or the key has expired.

        The record says whether the key was revoked.
        """
        id = self._id_of(key_id)
        return self._get(JWT_KEY, id) if id else None

    def get_active_jwt_keys(self) -> list[JWTKeyRecord]:
        """Return the keys that may verify tokens: next, active and retired."""
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
        """Cache a key's committed state if it is not cached yet."""
        self._cache(JWT_KEY, id)

    def invalidate_jwt_key(self, id: UUID) -> None:
        """Remove one key's entry."""
        self._invalidate(JWT_KEY, id)

    def invalidate_all_jwt_keys(self) -> None:
        """Remove the entries of all keys, and their list."""
        self._invalidate_all(JWT_KEY)

    def _id_of(self, key_id: str) -> UUID | None:
        """Return the row id of a kid, or None if it belongs to no trusted key."""
        id = self._ids.get(key_id)
        if id is None:
            ids = {key.kid: key.id for key in self.get_active_jwt_keys()}
            self._ids.update(ids)
            id = ids.get(key_id)
        return id
