"""Operations on cached one-time links and codes."""

from uuid import UUID

from authapp.models import VerificationType
from authapp.security.opaque_tokens import matches, parse_link_token
from authapp.token_cache.operations import Operations
from authapp.token_cache.records import VERIFICATION_TOKEN, VerificationTokenRecord


class VerificationTokenOperations(Operations):
    """The six operations on verification tokens."""

    def get_verification_token_by_id(self, id: UUID) -> VerificationTokenRecord | None:
        """Return a link or code, or None if it does not exist or has expired."""
        return self._get(VERIFICATION_TOKEN, id)

    def get_verification_token_by_value(self, value: str) -> VerificationTokenRecord | None:
        """Return the link with this value, or None if the value is wrong or the link has expired.

        The record says what the link is for, and whether it was used or revoked.
        """
        claim = parse_link_token(value)
        record = self._get(VERIFICATION_TOKEN, claim.id) if claim else None
        return record if claim and record and matches(claim.secret, record.digest) else None

    def get_verification_tokens_by_user(
        self, user_id: UUID, type: VerificationType
    ) -> list[VerificationTokenRecord]:
        """Return a user's active links or codes of one type, oldest first."""
        return self._get_all(VERIFICATION_TOKEN, user_id, type)

    def cache_verification_token(self, id: UUID) -> None:
        """Cache a link's or code's committed state if it is not cached yet."""
        self._cache(VERIFICATION_TOKEN, id)

    def invalidate_verification_token(self, id: UUID) -> None:
        """Remove one link's or code's entry."""
        self._invalidate(VERIFICATION_TOKEN, id)

    def invalidate_user_verification_tokens(self, user_id: UUID, type: VerificationType) -> None:
        """Remove the entries of all of a user's links or codes of one type, and their list."""
        self._invalidate_all(VERIFICATION_TOKEN, user_id, type)
