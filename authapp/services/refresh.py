"""Renewing sessions: each refresh token has one successor, and reuse of an old one is detected.

A token's value is derived from its session and generation, so a client that lost a race or a
response can be given the same successor again. Source: RFC 9700 section 4.14.2, rotation.
"""

from dataclasses import replace
from datetime import datetime

from authapp import clock
from authapp.domain import activity, security_notices, sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.generations import Generation, generation_of
from authapp.domain.sessions import SignedIn
from authapp.errors import TokenInvalid
from authapp.models import Activity, EndReason, RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import RefreshClaim
from authapp.token_cache import token_cache
from authapp.token_cache.records import RefreshTokenRecord


def renew(refresh_token: str, *, client: Client) -> SignedIn:
    """Rotate a session's refresh token and return its next tokens.

    The previous token, within the overlap, returns the same successor and changes nothing. An
    older one means that it, or its successor, was stolen: the session ends. Raises TokenInvalid,
    TokenExpired or TokenRevoked, the latter two with the reason.
    """
    claim = token_cache.proven_refresh_claim(refresh_token)
    if claim is None:
        raise TokenInvalid("not a refresh token of this site")
    session = token_cache.get_refresh_token_by_value(refresh_token)
    if session is None or session.ended_at is not None:
        raise sessions.refusal(session or sessions.read_committed(claim.session_id))
    signer = signing_keys.signer()
    if claim.generation == session.generation:
        with transaction():
            rotated = _rotate(session, clock.now(), client)
            # If another request rotated or ended the session first, its row shows it.
            session = rotated or sessions.read_committed(session.id)
        if rotated is not None:
            return sessions.tokens_of(session, signer)
    _require_overlap(session, claim, client)
    return sessions.tokens_of(session, signer)


def _rotate(
    session: RefreshTokenRecord, now: datetime, client: Client
) -> RefreshTokenRecord | None:
    """Claim the rotation of the current generation; None if another request did.

    A record matches its row as long as the row still has the record's generation.
    """
    rotated = replace(
        session,
        generation=session.generation + 1,
        rotated_at=now,
        last_used_at=now,
        last_used_address=client.address,
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


def _require_overlap(session: RefreshTokenRecord, claim: RefreshClaim, client: Client) -> None:
    """Accept the previous generation within the overlap; reuse of an older one ends the session."""
    if sessions.end_reason(session) is not None:
        raise sessions.refusal(session)
    generation = generation_of(claim, session)
    if generation is Generation.PREVIOUS:
        return
    if generation is Generation.REUSED:
        _end_reused(session, claim, client)
        session = sessions.read_committed(session.id)
    raise sessions.refusal(session)


def _end_reused(session: RefreshTokenRecord, claim: RefreshClaim, client: Client) -> None:
    """End a session whose old token was used again, and notify its user once."""
    with transaction():
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
            activity.note(user.id, Activity.REUSE_SEEN, client)
            security_notices.send(
                user,
                "session_reused",
                client=client,
                began_at=session.created_at,
                began_on=device(session.user_agent),
            )
