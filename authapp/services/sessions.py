"""Sessions: beginning, checking, listing and ending them; refresh.py renews them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement

from authapp import clock
from authapp.config import current_settings
from authapp.errors import (
    SigningKeyRefused,
    TokenExpired,
    TokenInvalid,
    TokenRefused,
    TokenRevoked,
)
from authapp.models import EndReason, RefreshToken, db
from authapp.models.changes import update_where
from authapp.security import jwt
from authapp.security.derivation import derive_key
from authapp.security.keyring import parse_public
from authapp.security.opaque_tokens import make_refresh_token
from authapp.services import keys
from authapp.services.origin import Origin
from authapp.token_cache import token_cache
from authapp.token_cache.records import JWTKeyRecord, RefreshTokenRecord


@dataclass(frozen=True)
class Identity:
    """Who is asking, in which session, and when they last proved it."""

    user_id: UUID
    session_id: UUID
    auth_time: datetime
    token_expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """What a client keeps of a session; `refresh_expires_at` is None for as long as it is open."""

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime | None
    identity: Identity


def begin(user_id: UUID, *, remember: bool, origin: Origin) -> SignedIn:
    """Begin a session and return its first tokens; the caller has taken the account."""
    settings, signer, now = current_settings(), keys.signer(), clock.now()
    lifetime = settings.session_absolute_lifetime if remember else settings.session_brief_lifetime
    session = RefreshTokenRecord(
        id=uuid4(),
        user_id=user_id,
        generation=0,
        rotated_at=now,
        remember=remember,
        auth_time=now,
        created_at=now,
        created_address=origin.address,
        last_used_at=now,
        last_used_address=origin.address,
        user_agent=origin.user_agent,
        expires_at=idle_limit(now, now + lifetime, remember=remember),
        absolute_expires_at=now + lifetime,
        ended_at=None,
        end_reason=None,
    )
    db.session.add(RefreshToken(**asdict(session)))
    db.session.commit()
    return tokens_of(session, signer)


def authenticate(access_token: str) -> Identity:
    """Check an access token against its signing key and its session, in one read.

    Its signature is verified once in each process. Raises TokenInvalid, TokenExpired,
    SigningKeyRefused or TokenRevoked; Unavailable when nothing can answer.
    """
    known = token_cache.recall_access_token(access_token)
    claims, session, key = known if known is not None else _verify(access_token)
    if key is None or not keys.verifies(key):
        raise SigningKeyRefused
    if claims.expires_at <= clock.now():
        raise TokenExpired("the access token has expired")
    if session is None or session.user_id != claims.user_id:
        raise TokenInvalid("the session does not exist")
    if session.ended_at is not None:
        raise refusal(session)
    return Identity(claims.user_id, claims.session_id, claims.auth_time, claims.expires_at)


def _verify(
    access_token: str,
) -> tuple[jwt.AccessClaims, RefreshTokenRecord | None, JWTKeyRecord]:
    """Verify an access token's signature and claims with a key that is trusted."""
    settings = current_settings()
    unverified = jwt.peek(access_token)
    session, key = token_cache.get_session_and_key(unverified.session_id, unverified.kid)
    if key is None or not keys.verifies(key):
        raise SigningKeyRefused
    claims = jwt.verify(
        access_token,
        key=parse_public(key.public_jwk),
        algorithm=key.algorithm,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        clock_skew=settings.clock_skew,
    )
    token_cache.remember_access_token(access_token, claims, key.id)
    return claims, session, key


def list_standing(user_id: UUID, *, first: UUID | None = None) -> list[RefreshTokenRecord]:
    """Return a user's sessions that stand: the one at hand `first`, then by their latest use."""
    found = token_cache.get_refresh_tokens_by_user(user_id)
    found.sort(key=lambda session: session.last_used_at, reverse=True)
    return sorted(found, key=lambda session: session.id != first)


def is_active(session: RefreshTokenRecord) -> bool:
    """Tell whether a session may be in use now: a use is noted when it is renewed, not oftener."""
    return clock.now() - session.last_used_at < current_settings().access_token_lifetime


def tokens_of(session: RefreshTokenRecord, signer: keys.Signer) -> SignedIn:
    """Return the tokens of a session as it stands; those of one generation are always the same.

    Signing takes a while: call it when the transaction is over, for SQLite has one writer.
    """
    settings, now = current_settings(), clock.now()
    claims = jwt.AccessClaims(
        user_id=session.user_id,
        session_id=session.id,
        issued_at=now,
        expires_at=min(now + settings.access_token_lifetime, session.absolute_expires_at),
        auth_time=session.auth_time,
    )
    key = derive_key(settings.secret_key, "refresh token")
    return SignedIn(
        access_token=signer.sign(claims),
        access_expires_at=claims.expires_at,
        refresh_token=make_refresh_token(key, session.id, session.generation),
        refresh_expires_at=session.expires_at if session.remember else None,
        identity=Identity(session.user_id, session.id, session.auth_time, claims.expires_at),
    )


def idle_limit(now: datetime, absolute: datetime, *, remember: bool) -> datetime:
    """Return when a session ends unless it is renewed before."""
    lifetime = current_settings().session_idle_lifetime
    return min(now + lifetime, absolute) if remember else absolute


def why_over(session: RefreshTokenRecord | RefreshToken) -> str | None:
    """Return the EndReason of a session that is over; None while it stands."""
    if session.ended_at is not None:
        return session.end_reason or EndReason.SIGNED_OUT
    if session.expires_at > clock.now():
        return None
    is_absolute = session.expires_at >= session.absolute_expires_at
    return EndReason.TOO_OLD if is_absolute else EndReason.IDLE


def refusal(session: RefreshTokenRecord) -> TokenRefused:
    """Return what a token of a session is refused with, and why."""
    reason = why_over(session)
    if session.ended_at is not None and reason is not None:
        return TokenRevoked(reason)
    if reason is not None:
        return TokenExpired("the session is too old", reason)
    return TokenInvalid("not a token of the session as it stands")


def end(session_id: UUID, user_id: UUID, reason: EndReason) -> int:
    """End a session of a user in the caller's transaction; return whether it stood, as 0 or 1.

    Its access tokens are refused from the commit on, in every process.
    """
    return _end(reason, RefreshToken.id == session_id, RefreshToken.user_id == user_id)


def end_others(
    user_id: UUID, *, keep: UUID, reason: EndReason = EndReason.SIGNED_OUT_ELSEWHERE
) -> int:
    """End all of a user's sessions but one in the caller's transaction; return how many stood."""
    return _end(reason, RefreshToken.user_id == user_id, RefreshToken.id != keep)


def end_all(user_id: UUID, reason: EndReason) -> int:
    """End all of a user's sessions in the caller's transaction; return how many stood.

    The caller takes the account first (`standing.take`), so that no session begins meanwhile.
    """
    return _end(reason, RefreshToken.user_id == user_id)


def _end(reason: EndReason, *which: ColumnElement[bool]) -> int:
    standing = RefreshToken.ended_at.is_(None)
    return len(
        update_where(RefreshToken, *which, standing, ended_at=clock.now(), end_reason=reason)
    )
