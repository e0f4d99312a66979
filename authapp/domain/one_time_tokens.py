"""Issuing and claiming single-use links and codes.

The cache finds a link; one conditional UPDATE in the database decides which request may use it.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, exists

from authapp import clock
from authapp.errors import TokenExpired, TokenInvalid, TokenRevoked, TokenUsed
from authapp.models import User, VerificationToken, VerificationType, db
from authapp.models.changes import update_and_read, update_where
from authapp.security.opaque_tokens import (
    digest,
    make_link_token,
    matches,
    new_secret,
    parse_link_token,
)
from authapp.token_cache import token_cache
from authapp.token_cache.records import VerificationTokenRecord, is_active


def issue(
    user: User,
    type: VerificationType,
    *,
    target: str,
    lifetime: timedelta,
    browser_digest: bytes | None = None,
) -> str:
    """Add a link to the transaction, revoke earlier ones of its type, and return its value."""
    void(user.id, type)
    return add(user, type, target=target, lifetime=lifetime, browser_digest=browser_digest)


def add(
    user: User,
    type: VerificationType,
    *,
    target: str,
    lifetime: timedelta,
    browser_digest: bytes | None = None,
    continue_to: str | None = None,
) -> str:
    """Add a link to the transaction, keep earlier ones active, and return its value.

    `browser_digest` is a digest of the secret of the browser that asked for the link, and
    `continue_to` the page of this site that it asked for before.
    """
    id, secret = uuid4(), new_secret()
    db.session.add(
        VerificationToken(
            id=id,
            user_id=user.id,
            type=type,
            target=target,
            digest=digest(secret),
            browser_digest=browser_digest,
            continue_to=continue_to,
            expires_at=clock.now() + lifetime,
        )
    )
    return make_link_token(id, secret)


def void(user_id: UUID, type: VerificationType) -> None:
    """Revoke all of a user's active links of one type."""
    update_where(
        VerificationToken,
        VerificationToken.user_id == user_id,
        VerificationToken.type == type,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
        revoked_at=clock.now(),
    )


def void_all(user_id: UUID, *, but: Collection[VerificationType]) -> None:
    """Revoke all of a user's active links and codes except some types."""
    update_where(
        VerificationToken,
        VerificationToken.user_id == user_id,
        VerificationToken.type.not_in(but),
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
        revoked_at=clock.now(),
    )


def had(type: VerificationType) -> ColumnElement[bool]:
    """Return the condition that an account has had a link of a type, valid or not."""
    issued = exists().where(VerificationToken.user_id == User.id, VerificationToken.type == type)
    return issued.correlate(User)


def require(value: str, type: VerificationType) -> VerificationTokenRecord:
    """Return the active link with this value.

    Raises TokenInvalid, TokenExpired, TokenUsed or TokenRevoked.
    """
    record = token_cache.get_verification_token_by_value(value)
    if record is None or record.type != type or not is_active(record):
        raise _why_refused(value, type)
    return record


def claim(record: VerificationTokenRecord | VerificationToken) -> str | None:
    """Consume a link or code in the caller's transaction, and return its `continue_to`.

    Raises TokenUsed on a second claim; TokenInvalid, TokenExpired or TokenRevoked if it was
    deleted, expired or revoked after the caller read it.
    Source: OWASP Forgot Password Cheat Sheet, single use.
    """
    now = clock.now()
    won: list[str | None] = update_and_read(
        VerificationToken,
        VerificationToken.continue_to,
        VerificationToken.id == record.id,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
        VerificationToken.expires_at > now,
        used_at=now,
    )
    if not won:
        raise _why_unusable(db.session.get(VerificationToken, record.id))
    return won[0]


def _why_refused(value: str, type: VerificationType) -> Exception:
    """Return the error for a refused link; it gives a reason only if the secret is correct."""
    claimed = parse_link_token(value)
    row = db.session.get(VerificationToken, claimed.id) if claimed else None
    if claimed is None or row is None or row.type != type:
        return TokenInvalid("no such link")
    if not matches(claimed.secret, row.digest):
        return TokenInvalid("no such link")
    return _why_unusable(row)


def _why_unusable(row: VerificationToken | None) -> Exception:
    if row is None:
        return TokenInvalid("no such link")
    if row.used_at is not None:
        return TokenUsed("the link was already used")
    if row.revoked_at is not None:
        return TokenRevoked("replaced")
    return TokenExpired("the link has expired")
