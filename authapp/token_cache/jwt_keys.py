"""Signing keys through the cache, and the one round trip that checks an access token."""

from uuid import UUID

from cachetools import LRUCache

from authapp.token_cache.entries import RowEntry
from authapp.token_cache.operations import Operations, living
from authapp.token_cache.records import JWT_KEY, REFRESH_TOKEN, JWTKeyRecord, RefreshTokenRecord


class JWTKeyOperations(Operations):
    """The seed's six operations on signing keys, and `get_session_and_key`."""

    def __init__(self) -> None:
        # Which id a kid has never changes, so each process remembers it.
        self._ids: LRUCache[str, UUID] = LRUCache(256)

    def get_jwt_key_by_id(self, id: UUID) -> JWTKeyRecord | None:
        """Return a key; None if it does not exist or can verify nothing any more."""
        return self._get(JWT_KEY, id)

    def get_jwt_key_by_key_id(self, key_id: str) -> JWTKeyRecord | None:
        """Return a key by its `kid`; None if it is not one that we trust."""
        id = self._id_of(key_id)
        return self._get(JWT_KEY, id) if id else None

    def get_active_jwt_keys(self) -> list[JWTKeyRecord]:
        """Return the keys that tokens may be verified with: next, active and retired."""
        return self._get_all(JWT_KEY)

    def get_session_and_key(
        self, session_id: UUID, key_id: str
    ) -> tuple[RefreshTokenRecord | None, JWTKeyRecord | None]:
        """Return a session and a signing key in one round trip: what an access token rests on."""
        id = self._id_of(key_id)
        if id is None:
            return None, None
        session, key = RowEntry(REFRESH_TOKEN, session_id), RowEntry(JWT_KEY, id)
        values = self.parts.reader.read([session, key])
        return living(values[session]), living(values[key])

    def cache_jwt_key(self, id: UUID) -> None:
        """See to it that a key is in the cache, as it is committed."""
        self._cache(JWT_KEY, id)

    def invalidate_jwt_key(self, id: UUID) -> None:
        """Remove one key's entry."""
        self._invalidate(JWT_KEY, id)

    def invalidate_all_jwt_keys(self) -> None:
        """Remove the entries of all keys, and their list."""
        self._invalidate_all(JWT_KEY)

    def _id_of(self, key_id: str) -> UUID | None:
        """Return a kid's row id; a kid that is not in our list is nobody's key."""
        id = self._ids.get(key_id)
        if id is None:
            ids = {key.kid: key.id for key in self.get_active_jwt_keys()}
            self._ids.update(ids)
            id = ids.get(key_id)
        return id
