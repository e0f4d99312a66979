"""Sessions: start, check, list and end them. `services.refresh` renews them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement

from authapp import clock
from authapp.config import current_settings
from authapp.domain import session_events, session_limit, signing_keys
from authapp.domain.client import Client
from authapp.domain.factors import authentication_methods
from authapp.domain.principal import Principal, TokenKind
from authapp.errors import (
    SigningKeyRefused,
    TokenExpired,
    TokenInvalid,
    TokenRefused,
    TokenRevoked,
)
from authapp.models import EndReason, RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.security import jwt
from authapp.security.derivation import derive_key
from authapp.security.keyring import parse_public
from authapp.security.opaque_tokens import make_refresh_token
from authapp.token_cache import token_cache
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


@dataclass(frozen=True, eq=False, kw_only=True)
class Identity(Principal):
    """Who an access token authenticates, in which session, and when and how they signed in."""

    kind: TokenKind = TokenKind.ACCESS_TOKEN
    session_id: UUID
    auth_time: datetime
    amr: tuple[str, ...]
    expires_at: datetime


@dataclass(frozen=True)
class SignedIn:
    """A session's tokens; `refresh_expires_at` is None if it ends when the browser is closed.

    `remembered` is the new value of a remembered device; empty if it does not change.
    """

    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime | None
    identity: Identity
    remembered: str = ""


def begin(
    user: User, *, remember: bool, client: Client, amr: str = authentication_methods.PASSWORD
) -> RefreshTokenRecord:
    """Add a session to the caller's transaction; `tokens_of` returns its tokens after the commit.

    The caller holds the account's lock (`account_status.lock`). Beyond MAX_SESSIONS, the session
    that was unused for longest ends.
    """
    settings, now = current_settings(), clock.now()
    # Read before a conditional update makes the object load them again.
    user_id, roles = user.id, user.roles
    session_limit.make_room(user_id, client=client)
    lifetime = settings.sessions.absolute_lifetime if remember else settings.sessions.brief_lifetime
    session = RefreshTokenRecord(
        id=uuid4(),
        user_id=user_id,
        generation=0,
        rotated_at=now,
        remember=remember,
        auth_time=now,
        created_at=now,
        created_address=client.address,
        last_used_at=now,
        last_used_address=client.address,
        user_agent=client.user_agent,
        expires_at=idle_limit(now, now + lifetime, remember=remember),
        absolute_expires_at=now + lifetime,
        ended_at=None,
        end_reason=None,
        amr=amr,
        roles=roles,
        client_id=client.id,
    )
    db.session.add(RefreshToken(**asdict(session)))
    session_events.note_started(user_id, session.id)
    return session


def authenticate(access_token: str) -> Identity:
    """Return who an access token authenticates; its key and its session are read together.

    Each process verifies a token once, and again after its key or session changes. Raises
    TokenInvalid, TokenExpired, SigningKeyRefused or TokenRevoked; Unavailable if neither the cache
    nor the database can answer.
    """
    known = token_cache.recall_verdict(access_token, Identity)
    return known if known is not None else _verify(access_token)


def _verify(access_token: str) -> Identity:
    settings = current_settings()
    unverified = jwt.peek(access_token)
    session, key = token_cache.get_session_and_key(unverified.session_id, unverified.kid)
    if key is None or not signing_keys.verifies(key):
        raise SigningKeyRefused
    claims = jwt.verify(
        access_token,
        key=parse_public(key.public_jwk),
        algorithm=key.algorithm,
        issuer=settings.tokens.jwt_issuer,
        audience=settings.tokens.jwt_audience,
        clock_skew=settings.tokens.clock_skew,
    )
    if session is None or session.user_id != claims.user_id:
        raise TokenInvalid("the session does not exist")
    if session.ended_at is not None:
        raise refusal(session)
    identity = _identity(claims, session)
    token_cache.remember_verdict(
        access_token, identity, [session, key], expires_at=claims.expires_at
    )
    return identity


def _identity(claims: jwt.AccessClaims, session: RefreshTokenRecord) -> Identity:
    return Identity(
        user_id=claims.user_id,
        session_id=claims.session_id,
        auth_time=claims.auth_time,
        amr=claims.amr,
        # Not the token's: operators may have changed them since it was signed.
        roles=tuple(session.roles.split()),
        client_id=session.client_id,
        expires_at=claims.expires_at,
    )


def list_active(user_id: UUID, *, first: UUID | None = None) -> list[RefreshTokenRecord]:
    """Return a user's active sessions: the one with the id `first`, then by most recent use."""
    found = token_cache.get_refresh_tokens_by_user(user_id)
    found.sort(key=lambda session: session.last_used_at, reverse=True)
    return sorted(found, key=lambda session: session.id != first)


def is_active(session: RefreshTokenRecord) -> bool:
    """Return whether a session may be in use now; only renewals record its last use."""
    return clock.now() - session.last_used_at < current_settings().tokens.access_token_lifetime


def tokens_of(session: RefreshTokenRecord, signer: signing_keys.Signer) -> SignedIn:
    """Return a session's current tokens; the refresh token depends on the generation alone.

    Signing is slow, and SQLite has one writer: call this after the transaction.
    """
    settings, now = current_settings(), clock.now()
    claims = jwt.AccessClaims(
        user_id=session.user_id,
        session_id=session.id,
        issued_at=now,
        expires_at=min(now + settings.tokens.access_token_lifetime, session.absolute_expires_at),
        auth_time=session.auth_time,
        amr=tuple(session.amr.split()),
        client_id=session.client_id,
        roles=tuple(session.roles.split()),
    )
    key = derive_key(settings.secrets.secret_key, "refresh token")
    return SignedIn(
        access_token=signer.sign(claims),
        access_expires_at=claims.expires_at,
        refresh_token=make_refresh_token(key, session.id, session.generation),
        refresh_expires_at=session.expires_at if session.remember else None,
        identity=_identity(claims, session),
    )


def idle_limit(now: datetime, absolute: datetime, *, remember: bool) -> datetime:
    """Return when a session ends if it is not renewed."""
    lifetime = current_settings().sessions.idle_lifetime
    return min(now + lifetime, absolute) if remember else absolute


def end_reason(session: RefreshTokenRecord | RefreshToken) -> str | None:
    """Return the EndReason of a session that has ended; None while it is active."""
    if session.ended_at is not None:
        return session.end_reason or EndReason.SIGNED_OUT
    if session.expires_at > clock.now():
        return None
    is_absolute = session.expires_at >= session.absolute_expires_at
    return EndReason.TOO_OLD if is_absolute else EndReason.IDLE


def refusal(session: RefreshTokenRecord) -> TokenRefused:
    """Return the error, with its reason, for a refused token of a session."""
    reason = end_reason(session)
    if session.ended_at is not None and reason is not None:
        return TokenRevoked(reason)
    if reason is not None:
        return TokenExpired("the session has expired", reason)
    return TokenInvalid("not a current token of the session")


def prove_again(session_id: UUID, method: str, *, client: Client) -> RefreshTokenRecord:
    """Record by which method the user confirmed who they are, in the caller's transaction.

    Returns the session with a new generation. The caller holds the account's lock. Raises
    TokenRevoked or TokenExpired if the session has ended.
    Source: ASVS 7.2.4, new tokens after every authentication.
    """
    now, before = clock.now(), read_committed(session_id)
    proven = update_where(
        RefreshToken,
        RefreshToken.id == session_id,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
        generation=RefreshToken.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=client.address,
        auth_time=now,
        amr=authentication_methods.add(before.amr, method),
    )
    session = read_committed(session_id)
    if not proven:
        raise refusal(session)
    return session


def read_committed(session_id: UUID) -> RefreshTokenRecord:
    """Return a session's row, active or not; raises TokenInvalid if it was deleted."""
    row = db.session.execute(*REFRESH_TOKEN.selecting([session_id])).one_or_none()
    if row is None:
        raise TokenInvalid("the session does not exist")
    return REFRESH_TOKEN.from_row(row)


def end(session_id: UUID, user_id: UUID, reason: EndReason) -> int:
    """End a user's session in the caller's transaction; return 1 if it was active, otherwise 0.

    From the commit on, every process refuses its access tokens.
    """
    return _end(user_id, reason, RefreshToken.id == session_id)


def end_others(
    user_id: UUID, *, keep: UUID, reason: EndReason = EndReason.SIGNED_OUT_ELSEWHERE
) -> int:
    """End a user's other sessions in the caller's transaction; return how many were active."""
    return _end(user_id, reason, RefreshToken.id != keep)


def end_all(user_id: UUID, reason: EndReason) -> int:
    """End all of a user's sessions in the caller's transaction; return how many were active.

    The caller locks the account first (`account_status.lock`), so that no session starts in the
    meantime.
    """
    return _end(user_id, reason)


def end_without_second_factor(user_id: UUID, reason: EndReason) -> None:
    """End a user's sessions that began without a second factor; otherwise like `end_all`."""
    has_none = RefreshToken.amr.not_like(f"%{authentication_methods.SEVERAL_FACTORS}%")
    _end(user_id, reason, has_none)


def _end(user_id: UUID, reason: EndReason, *which: ColumnElement[bool]) -> int:
    is_theirs, is_active = RefreshToken.user_id == user_id, RefreshToken.ended_at.is_(None)
    ended = update_where(
        RefreshToken, is_theirs, is_active, *which, ended_at=clock.now(), end_reason=reason
    )
    for session_id in ended:
        session_events.note_ended(user_id, session_id, reason)
    return len(ended)
