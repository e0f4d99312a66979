"""Operations on cached API tokens."""

from uuid import UUID

from authapp.security.opaque_tokens import matches, parse_api_token
from authapp.token_cache.operations import Operations
from authapp.token_cache.records import TOKEN, TokenRecord


class TokenOperations(Operations):
    """The six operations on API tokens, and `record_token_use`."""

    def get_token_by_id(self, id: UUID) -> TokenRecord | None:
        """Return a token, or None if it does not exist or has expired."""
        return self._get(TOKEN, id)

    def get_token_by_value(self, value: str) -> TokenRecord | None:
        """Return the token with this value, or None if the value is wrong or the token has expired.

        A value with the wrong format or checksum costs no lookup. The record says whether the
        token was revoked.
        """
        claim = parse_api_token(self.assembly.settings.tokens.api_token_prefix, value)
        record = self._get(TOKEN, claim.id) if claim else None
        return record if claim and record and matches(claim.secret, record.digest) else None

    def get_tokens_by_user(self, user_id: UUID) -> list[TokenRecord]:
        """Return a user's active tokens, oldest first."""
        return self._get_all(TOKEN, user_id)

    def record_token_use(self, id: UUID, address: str) -> None:
        """Record that a token was used now; written in the background, and never cached."""
        self.assembly.last_used.note(id, address)

    def cache_token(self, id: UUID) -> None:
        """Cache a token's committed state if it is not cached yet."""
        self._cache(TOKEN, id)

    def invalidate_token(self, id: UUID) -> None:
        """Remove one token's entry."""
        self._invalidate(TOKEN, id)

    def invalidate_user_tokens(self, user_id: UUID) -> None:
        """Remove the entries of all of a user's tokens, and their list."""
        self._invalidate_all(TOKEN, user_id)
