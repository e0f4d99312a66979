"""Sessions through the cache."""

from uuid import UUID

from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import RefreshClaim, parse_refresh_token, proves
from authapp.token_cache.operations import Operations
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


class RefreshTokenOperations(Operations):
    """The seed's six operations on refresh tokens."""

    def get_refresh_token_by_id(self, id: UUID) -> RefreshTokenRecord | None:
        """Return a session; None if it does not exist or has expired."""
        return self._get(REFRESH_TOKEN, id)

    def get_refresh_token_by_value(self, value: str) -> RefreshTokenRecord | None:
        """Return the session that a value proves; None for a value that we did not make.

        Which generation the value is of, and whether the session ended, decides whether it may
        be renewed; that is for the database to decide.
        """
        claim = self.proven_refresh_claim(value)
        return self._get(REFRESH_TOKEN, claim.session_id) if claim else None

    def proven_refresh_claim(self, value: str) -> RefreshClaim | None:
        """Return what a value says it is, if we made it; asks neither Redis nor the database."""
        claim = parse_refresh_token(value)
        return claim if claim is not None and proves(claim, self._refresh_keys()) else None

    def get_refresh_tokens_by_user(self, user_id: UUID) -> list[RefreshTokenRecord]:
        """Return a user's sessions that still stand, oldest first."""
        return self._get_all(REFRESH_TOKEN, user_id)

    def cache_refresh_token(self, id: UUID) -> None:
        """See to it that a session is in the cache, as it is committed."""
        self._cache(REFRESH_TOKEN, id)

    def invalidate_refresh_token(self, id: UUID) -> None:
        """Remove one session's entry."""
        self._invalidate(REFRESH_TOKEN, id)

    def invalidate_user_refresh_tokens(self, user_id: UUID) -> None:
        """Remove the entries of all of a user's sessions, and their list."""
        self._invalidate_all(REFRESH_TOKEN, user_id)

    def _refresh_keys(self) -> list[bytes]:
        settings = self.parts.settings
        secrets = [settings.secret_key, *settings.secret_key_fallbacks]
        return [derive_key(secret, "refresh token") for secret in secrets]
