"""Revoking a token of any kind for its holder (RFC 7009)."""

from uuid import UUID

from authapp.domain import activity, api_tokens, sessions
from authapp.domain.client import Client
from authapp.errors import NotFound, TokenRefused
from authapp.models import Activity, EndReason
from authapp.models.transaction import transaction
from authapp.services.api_tokens import revoke as revoke_api_token
from authapp.token_cache import token_cache


def revoke(value: str, *, client: Client) -> None:
    """Revoke a token, effective from its next use; does nothing if it is not active.

    An access token or a refresh token ends its session, and with it all of the session's tokens.
    Any refresh token ever issued for the session works: its holder may have lost a later one.
    """
    if api_tokens.is_api_token(value):
        _revoke_api_token(value, client)
        return
    claim = token_cache.proven_refresh_claim(value)
    if claim is not None:
        session = token_cache.get_refresh_token_by_id(claim.session_id)
        if session is not None:
            _end_session(session.id, session.user_id, client)
        return
    try:
        identity = sessions.authenticate(value)
    except TokenRefused:
        return
    _end_session(identity.session_id, identity.user_id, client)


def _revoke_api_token(value: str, client: Client) -> None:
    try:
        token = api_tokens.check(value)
        revoke_api_token(token.user_id, token.token_id, client=client)
    except (TokenRefused, NotFound):
        # It was no longer active.
        return


def _end_session(session_id: UUID, user_id: UUID, client: Client) -> None:
    with transaction():
        if sessions.end(session_id, user_id, EndReason.SIGNED_OUT):
            activity.note(user_id, Activity.SIGNED_OUT, client)
