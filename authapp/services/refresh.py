"""Renewing sessions: each refresh token has one successor, and a stolen copy is noticed.

A token's value is derived from its session and its generation, so that a client that lost a race
or an answer can be given the same successor again. Source: RFC 9700 section 4.14.2, rotation.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.errors import TokenInvalid
from authapp.models import Activity, EndReason, RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.security.opaque_tokens import RefreshClaim
from authapp.services import activity, keys, notices, sessions
from authapp.services.devices import device
from authapp.services.generations import Generation, generation_of
from authapp.services.origin import Origin
from authapp.services.sessions import SignedIn
from authapp.token_cache import token_cache
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


def renew(refresh_token: str, *, origin: Origin) -> SignedIn:
    """Rotate a session's refresh token and return its next tokens.

    The previous one, within the overlap, yields the same successor and changes nothing. An older
    one was stolen, or used after a thief used it: the session ends. Raises TokenInvalid,
    TokenExpired or TokenRevoked, the latter two with the reason.
    """
    claim = token_cache.proven_refresh_claim(refresh_token)
    if claim is None:
        raise TokenInvalid("not a refresh token that was issued here")
    session = token_cache.get_refresh_token_by_value(refresh_token)
    if session is None or session.ended_at is not None:
        raise sessions.refusal(session or _as_committed(claim.session_id))
    signer = keys.signer()
    if claim.generation == session.generation:
        rotated = _rotate(session, clock.now(), origin)
        if rotated is not None:
            db.session.commit()
            return sessions.tokens_of(rotated, signer)
        # Another request was faster, or has ended the session.
        session = _as_committed(session.id)
        db.session.rollback()
    _require_overlap(session, claim, origin)
    return sessions.tokens_of(session, signer)


def prove_again(session_id: UUID, *, origin: Origin) -> SignedIn:
    """Note that the password was entered again, and return the session's next tokens.

    Raises TokenRevoked or TokenExpired for a session that is over. Source: ASVS 7.2.4, new tokens
    whenever somebody has authenticated.
    """
    signer, now = keys.signer(), clock.now()
    proven = update_where(
        RefreshToken,
        RefreshToken.id == session_id,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
        generation=RefreshToken.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=origin.address,
        auth_time=now,
    )
    session = _as_committed(session_id)
    if not proven:
        db.session.rollback()
        raise sessions.refusal(session)
    db.session.commit()
    return sessions.tokens_of(session, signer)


def _rotate(
    session: RefreshTokenRecord, now: datetime, origin: Origin
) -> RefreshTokenRecord | None:
    """Claim the rotation of the current generation; None if another request did.

    What a record says of its generation is true of the row as long as the row is of it.
    """
    rotated = replace(
        session,
        generation=session.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=origin.address,
        expires_at=sessions.idle_limit(now, session.absolute_expires_at, remember=session.remember),
    )
    won = update_where(
        RefreshToken,
        RefreshToken.id == session.id,
        RefreshToken.generation == session.generation,
        RefreshToken.ended_at.is_(None),
        RefreshToken.expires_at > now,
        generation=rotated.generation,
        rotated_at=rotated.rotated_at,
        last_used_at=rotated.last_used_at,
        last_used_address=rotated.last_used_address,
        expires_at=rotated.expires_at,
    )
    return rotated if won else None


def _require_overlap(session: RefreshTokenRecord, claim: RefreshClaim, origin: Origin) -> None:
    """Accept the previous generation within the overlap; a reused one ends the session."""
    if sessions.why_over(session) is not None:
        raise sessions.refusal(session)
    generation = generation_of(claim, session)
    if generation is Generation.PREVIOUS:
        return
    if generation is Generation.REUSED:
        _end_reused(session, claim, origin)
        session = _as_committed(session.id)
    raise sessions.refusal(session)


def _end_reused(session: RefreshTokenRecord, claim: RefreshClaim, origin: Origin) -> None:
    """End a session whose token was reused, and tell its owner once."""
    ended = update_where(
        RefreshToken,
        RefreshToken.id == session.id,
        RefreshToken.generation > claim.generation,
        RefreshToken.ended_at.is_(None),
        ended_at=clock.now(),
        end_reason=EndReason.REUSE_SEEN,
    )
    user = db.session.get(User, session.user_id) if ended else None
    if user is not None:
        activity.note(user.id, Activity.REUSE_SEEN, origin)
        notices.send(
            user,
            "session_reused",
            origin=origin,
            began_at=session.created_at,
            began_on=device(session.user_agent),
        )
    db.session.commit()


def _as_committed(session_id: UUID) -> RefreshTokenRecord:
    """Return a session as the database has it, even one that is over.

    Raises TokenInvalid for one that is gone.
    """
    found = select(*REFRESH_TOKEN.columns()).where(RefreshToken.id == session_id)
    row = db.session.execute(found).mappings().one_or_none()
    if row is None:
        raise TokenInvalid("the session does not exist")
    return REFRESH_TOKEN.from_row(dict(row))
