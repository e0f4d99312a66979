"""Sessions: beginning, checking, renewing and ending them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from authapp import clock
from authapp.config import Settings, current_settings
from authapp.errors import TokenExpired, TokenInvalid, TokenRevoked
from authapp.models import EndReason, RefreshToken, db
from authapp.models.changes import update_where
from authapp.security import jwt
from authapp.security.derivation import derive_key
from authapp.security.keyring import parse_public
from authapp.security.opaque_tokens import make_refresh_token, parse_refresh_token
from authapp.services import keys
from authapp.services.origin import Origin
from authapp.token_cache import token_cache

USER_AGENT_CHARACTERS = 400


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
    """Begin a session and return its first tokens."""
    settings, now = current_settings(), clock.now()
    absolute = settings.session_absolute_lifetime if remember else settings.session_brief_lifetime
    session = RefreshToken(
        id=uuid4(),
        user_id=user_id,
        remember=remember,
        auth_time=now,
        created_at=now,
        created_address=origin.address,
        last_used_at=now,
        last_used_address=origin.address,
        rotated_at=now,
        generation=0,
        user_agent=origin.user_agent[:USER_AGENT_CHARACTERS],
        absolute_expires_at=now + absolute,
        expires_at=_idle_limit(settings, now, now + absolute, remember=remember),
    )
    signer = keys.signer()
    db.session.add(session)
    db.session.flush()
    signed_in = _signed_in(settings, signer, session)
    db.session.commit()
    return signed_in


def authenticate(access_token: str) -> Identity:
    """Check an access token against its key and its session, in one round trip.

    Raises TokenInvalid, TokenExpired or TokenRevoked; Unavailable when nothing can answer.
    """
    settings = current_settings()
    look_up = jwt.peek(access_token)
    session, key = token_cache.get_session_and_key(look_up.session_id, look_up.kid)
    if key is None or not keys.verifies(key):
        raise TokenInvalid("signed with no key of ours")
    claims = jwt.verify(
        access_token,
        key=parse_public(key.public_jwk),
        algorithm=key.algorithm,
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )
    if session is None or session.user_id != claims.user_id:
        raise TokenInvalid("the session is gone")
    if session.ended_at is not None:
        raise TokenRevoked(session.end_reason or EndReason.SIGNED_OUT)
    return Identity(claims.user_id, claims.session_id, claims.auth_time, claims.expires_at)


def renew(refresh_token: str, *, origin: Origin) -> SignedIn:
    """Rotate a session's refresh token and return its next tokens.

    Idempotent: whoever lost the race, or retries within the overlap, gets the same successor.
    Raises TokenInvalid, TokenExpired or TokenRevoked.
    """
    record = token_cache.get_refresh_token_by_value(refresh_token)
    claim = parse_refresh_token(refresh_token)
    if record is None or claim is None:
        raise TokenInvalid("no such session")
    if record.ended_at is not None:
        raise TokenRevoked(record.end_reason or EndReason.SIGNED_OUT)
    settings, signer, now = current_settings(), keys.signer(), clock.now()
    rotated = update_where(
        RefreshToken,
        RefreshToken.id == record.id,
        RefreshToken.generation == claim.generation,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
        generation=claim.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=origin.address,
        expires_at=_idle_limit(settings, now, record.absolute_expires_at, remember=record.remember),
    )
    session = db.session.get(RefreshToken, record.id)
    if session is None:
        raise TokenInvalid("no such session")
    if not rotated:
        _require_overlap(settings, session, claim.generation)
    signed_in = _signed_in(settings, signer, session)
    db.session.commit()
    return signed_in


def prove_again(session_id: UUID, *, origin: Origin) -> SignedIn:
    """Note that the password was entered again, and return the session's next tokens.

    Raises TokenRevoked for a session that has ended. Source: ASVS 7.2.4, new tokens whenever
    somebody has authenticated.
    """
    signer, now = keys.signer(), clock.now()
    proven = update_where(
        RefreshToken,
        RefreshToken.id == session_id,
        RefreshToken.ended_at.is_(None),
        generation=RefreshToken.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=origin.address,
        auth_time=now,
    )
    session = db.session.get(RefreshToken, session_id) if proven else None
    if session is None:
        raise TokenRevoked(EndReason.SIGNED_OUT)
    signed_in = _signed_in(current_settings(), signer, session)
    db.session.commit()
    return signed_in


def sign_out(session_id: UUID, reason: EndReason = EndReason.SIGNED_OUT) -> None:
    """End a session: its access tokens are refused from the next request on."""
    update_where(
        RefreshToken,
        RefreshToken.id == session_id,
        RefreshToken.ended_at.is_(None),
        ended_at=clock.now(),
        end_reason=reason,
    )
    db.session.commit()


def _require_overlap(settings: Settings, session: RefreshToken, generation: int) -> None:
    """Let the previous generation through for a while; anything older is a stolen copy."""
    now = clock.now()
    if session.ended_at is not None:
        raise TokenRevoked(session.end_reason or EndReason.SIGNED_OUT)
    if session.expires_at <= now:
        raise TokenExpired("the session is too old")
    is_previous = generation == session.generation - 1
    if is_previous and now - session.rotated_at <= settings.refresh_overlap:
        return
    sign_out(session.id, EndReason.REUSE_SEEN)
    raise TokenRevoked(EndReason.REUSE_SEEN)


def _signed_in(settings: Settings, signer: keys.Signer, session: RefreshToken) -> SignedIn:
    now = clock.now()
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


def _idle_limit(
    settings: Settings, now: datetime, absolute: datetime, *, remember: bool
) -> datetime:
    """Return when a session ends unless it is used before."""
    return min(now + settings.session_idle_lifetime, absolute) if remember else absolute
