"""Taking a token back on behalf of whoever holds it, whatever kind it is (RFC 7009)."""

from uuid import UUID

from authapp.errors import NotFound, TokenRefused
from authapp.models import Activity, EndReason, db
from authapp.services import activity, api_tokens, sessions
from authapp.services.origin import Origin
from authapp.token_cache import token_cache


def revoke(value: str, *, origin: Origin) -> None:
    """Refuse a token from its next use on; one that does not work anyway is as was asked for.

    An access token and a refresh token take their session along, and so all of its tokens. Any
    refresh token that we ever made for a session will do: its holder may have lost a later one.
    """
    if api_tokens.is_one(value):
        _revoke_api_token(value, origin)
        return
    claim = token_cache.proven_refresh_claim(value)
    if claim is not None:
        session = token_cache.get_refresh_token_by_id(claim.session_id)
        if session is not None:
            _end_session(session.id, session.user_id, origin)
        return
    try:
        identity = sessions.authenticate(value)
    except TokenRefused:
        return
    _end_session(identity.session_id, identity.user_id, origin)


def _revoke_api_token(value: str, origin: Origin) -> None:
    try:
        token = api_tokens.check(value)
        api_tokens.revoke(token.user_id, token.token_id, origin=origin)
    except (TokenRefused, NotFound):
        # Nobody could use it any more.
        return


def _end_session(session_id: UUID, user_id: UUID, origin: Origin) -> None:
    if sessions.end(session_id, user_id, EndReason.SIGNED_OUT):
        activity.note(user_id, Activity.SIGNED_OUT, origin)
    db.session.commit()
