"""Sessions for tests that do not sign in."""

from uuid import UUID

from authapp.domain import sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.sessions import SignedIn
from authapp.models.transaction import transaction


def start_session(user_id: UUID, *, remember: bool, client: Client) -> SignedIn:
    signer = signing_keys.signer()
    with transaction():
        session = sessions.begin(user_id, remember=remember, client=client)
    return sessions.tokens_of(session, signer)
