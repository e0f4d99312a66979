"""Rows to cache, created without the services."""

from datetime import timedelta
from uuid import UUID

from authapp import clock
from authapp.models import RefreshToken, Token, VerificationToken, VerificationType, db
from authapp.security.opaque_tokens import digest, make_api_token, make_link_token, new_secret


def add_session(user_id: UUID, *, hours: float = 12, commit: bool = True) -> RefreshToken:
    now = clock.now()
    row = RefreshToken(
        user_id=user_id,
        created_address="192.0.2.1",
        last_used_address="192.0.2.1",
        user_agent="a browser",
        expires_at=now + timedelta(hours=hours),
        absolute_expires_at=now + timedelta(hours=hours),
    )
    return _add(row, commit)


def add_token(user_id: UUID, *, days: float | None = 30) -> tuple[Token, str]:
    secret = new_secret()
    row = Token(
        user_id=user_id,
        name="a script",
        digest=digest(secret),
        last_four="zzzz",
        expires_at=clock.now() + timedelta(days=days) if days is not None else None,
    )
    _add(row, commit=True)
    return row, make_api_token("aut", row.id, secret)


def add_link(
    user_id: UUID, *, minutes: float = 30, type: str = VerificationType.EMAIL_VERIFICATION
) -> tuple[VerificationToken, str]:
    secret = new_secret()
    row = VerificationToken(
        user_id=user_id,
        type=type,
        target="somebody@example.org",
        digest=digest(secret),
        expires_at=clock.now() + timedelta(minutes=minutes),
    )
    _add(row, commit=True)
    return row, make_link_token(row.id, secret)


def _add(row, commit: bool):
    db.session.add(row)
    if commit:
        db.session.commit()
        db.session.refresh(row)
    return row
