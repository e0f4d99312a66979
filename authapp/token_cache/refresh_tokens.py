"""Operations on cached sessions."""

from uuid import UUID

from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import RefreshClaim, parse_refresh_token, proves
from authapp.token_cache.operations import Operations
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


class RefreshTokenOperations(Operations):
    """The six operations on refresh tokens, and `proven_refresh_claim`."""

    def get_refresh_token_by_id(self, id: UUID) -> RefreshTokenRecord | None:
        """Return a session, or None if it does not exist or has expired."""
        return self._get(REFRESH_TOKEN, id)

    def get_refresh_token_by_value(self, value: str) -> RefreshTokenRecord | None:
        """Return the session of a refresh token, or None if the token was not issued here.

        The caller checks whether the token's generation may still be used and whether the session
        has ended. The database decides whether the session may be renewed.
        """
        claim = self.proven_refresh_claim(value)
        return self._get(REFRESH_TOKEN, claim.session_id) if claim else None

    def proven_refresh_claim(self, value: str) -> RefreshClaim | None:
        """Return a refresh token's claim if it was issued here, without reading any store."""
        claim = parse_refresh_token(value)
        return claim if claim and proves(claim, self._refresh_keys()) else None

    def get_refresh_tokens_by_user(self, user_id: UUID) -> list[RefreshTokenRecord]:
        """Return a user's active sessions, oldest first."""
        return self._get_all(REFRESH_TOKEN, user_id)

    def cache_refresh_token(self, id: UUID) -> None:
        """Cache a session's committed state if it is not cached yet."""
        self._cache(REFRESH_TOKEN, id)

    def invalidate_refresh_token(self, id: UUID) -> None:
        """Remove one session's entry."""
        self._invalidate(REFRESH_TOKEN, id)

    def invalidate_user_refresh_tokens(self, user_id: UUID) -> None:
        """Remove the entries of all of a user's sessions, and their list."""
        self._invalidate_all(REFRESH_TOKEN, user_id)

    def _refresh_keys(self) -> list[bytes]:
        secrets = self.assembly.settings.secrets.accepted_secret_keys
        return [derive_key(secret, "refresh token") for secret in secrets]
