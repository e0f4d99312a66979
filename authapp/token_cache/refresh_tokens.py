"""Sessions through the cache."""

from uuid import UUID

from authapp.security.derivation import derive_key
from authapp.security.opaque_tokens import RefreshClaim, parse_refresh_token, proves
from authapp.token_cache.operations import Operations
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


class RefreshTokenOperations(Operations):
    """The six operations on refresh tokens, and `proven_refresh_claim`."""

    def get_refresh_token_by_id(self, id: UUID) -> RefreshTokenRecord | None:
        """Return a session; None if it does not exist or has expired."""
        return self._get(REFRESH_TOKEN, id)

    def get_refresh_token_by_value(self, value: str) -> RefreshTokenRecord | None:
        """Return the session that a value proves; None for a value that was not issued here.

        Whether the value's generation may still be used, and whether the session has ended, is
        the caller's to check; whether it may be renewed is for the database to decide.
        """
        claim = self.proven_refresh_claim(value)
        return self._get(REFRESH_TOKEN, claim.session_id) if claim else None

    def proven_refresh_claim(self, value: str) -> RefreshClaim | None:
        """Return what a refresh token says if it was issued here; reads no store."""
        known = self.recall_verdict(value, RefreshClaim)
        if known is not None:
            return known
        claim = parse_refresh_token(value)
        if claim is None or not proves(claim, self._refresh_keys()):
            return None
        self.remember_verdict(value, claim, records=[])
        return claim

    def get_refresh_tokens_by_user(self, user_id: UUID) -> list[RefreshTokenRecord]:
        """Return a user's active sessions, oldest first."""
        return self._get_all(REFRESH_TOKEN, user_id)

    def cache_refresh_token(self, id: UUID) -> None:
        """Make sure that a session is cached, as it is committed."""
        self._cache(REFRESH_TOKEN, id)

    def invalidate_refresh_token(self, id: UUID) -> None:
        """Remove one session's entry."""
        self._invalidate(REFRESH_TOKEN, id)

    def invalidate_user_refresh_tokens(self, user_id: UUID) -> None:
        """Remove the entries of all of a user's sessions, and their list."""
        self._invalidate_all(REFRESH_TOKEN, user_id)

    def _refresh_keys(self) -> list[bytes]:
        settings = self.assembly.settings
        secrets = [settings.secrets.secret_key, *settings.secrets.secret_key_fallbacks]
        return [derive_key(secret, "refresh token") for secret in secrets]
