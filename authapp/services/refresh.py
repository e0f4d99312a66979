"""Renewing sessions: each refresh token has one successor, and reuse of an old one is detected.

A token's value is derived from its session and generation, so a client that lost a race or a
response can be given the same successor again. Source: RFC 9700 section 4.14.2, rotation.
"""

from typing import Final

from sqlalchemy import and_, bindparam, case, update

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity, security_notices, session_events, sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.devices import device
from authapp.domain.factors import remembered_devices
from authapp.domain.generations import Generation, generation_of
from authapp.domain.sessions import SignedIn
from authapp.errors import TokenInvalid
from authapp.models import Activity, EndReason, RefreshToken, RememberedDevice, User, db
from authapp.models.base import table_of
from authapp.models.changes import run_update, update_where
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import RefreshClaim
from authapp.token_cache import token_cache
from authapp.token_cache.records import REFRESH_TOKEN, RefreshTokenRecord


def renew(refresh_token: str, *, client: Client) -> SignedIn:
    """Rotate a session's refresh token and return its next tokens.

    The previous token, within the overlap, returns the same successor and changes nothing. An
    older one means that it, or its successor, was stolen: the session ends. Raises TokenInvalid,
    TokenExpired or TokenRevoked, the latter two with the reason.
    """
    claim = token_cache.proven_refresh_claim(refresh_token)
    if claim is None:
        raise TokenInvalid("not a refresh token of this site")
    signer = signing_keys.signer()
    with transaction():
        rotated = _rotate(claim, client)
        # If the token is not the session's current one, the row shows why.
        session = rotated or sessions.read_committed(claim.session_id)
    if rotated is None:
        _require_overlap(session, claim, client)
    return sessions.tokens_of(session, signer)


_sessions: Final = table_of(RefreshToken).c
_IDLE_LIMIT: Final = bindparam("idle_limit", type_=_sessions.expires_at.type)
# Built once: building it takes several times as long as running it. It needs no earlier read,
# because the refresh token itself proves the session and the generation.
_ROTATION: Final = (
    update(table_of(RefreshToken))
    .where(
        _sessions.id == bindparam("session_id"),
        _sessions.generation == bindparam("current"),
        _sessions.ended_at.is_(None),
        _sessions.expires_at > bindparam("now"),
    )
    .values(
        generation=_sessions.generation + 1,
        rotated_at=bindparam("now"),
        last_used_at=bindparam("now"),
        last_used_address=bindparam("address"),
        expires_at=case(
            (and_(_sessions.remember, _sessions.absolute_expires_at > _IDLE_LIMIT), _IDLE_LIMIT),
            else_=_sessions.absolute_expires_at,
        ),
    )
    .returning(*REFRESH_TOKEN.columns())
)


def _rotate(claim: RefreshClaim, client: Client) -> RefreshTokenRecord | None:
    """Replace the current generation, and return the session; None if it is not the token's."""
    now = clock.now()
    parameters = {
        "session_id": claim.session_id,
        "current": claim.generation,
        "now": now,
        "address": client.address,
        "idle_limit": now + current_settings().sessions.idle_lifetime,
    }
    rotated = run_update(RefreshToken, _ROTATION, parameters)
    return REFRESH_TOKEN.from_row(rotated[0]) if rotated else None


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
            # Its other cookies were probably copied too.
            remembered_devices.forget(user.id, RememberedDevice.session_id == session.id)
            activity.note(user.id, Activity.REUSE_SEEN, client)
            session_events.note_ended(user.id, session.id, EndReason.REUSE_SEEN)
            security_notices.send(
                user,
                "session_reused",
                client=client,
                began_at=session.created_at,
                began_on=device(session.user_agent),
            )
