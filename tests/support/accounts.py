"""Accounts and sessions for tests, created without a request."""

from typing import Final
from uuid import UUID

from authapp import clock
from authapp.domain import account_status, sessions, signing_keys
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key
from authapp.domain.factors import authentication_methods
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.models import User, db
from authapp.models.transaction import transaction
from authapp.security.passwords import hash_password

PASSWORD: Final = "four unrelated words together"
HERE: Final = Client("192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0")
DEVICE: Final = SignInDevice(HERE)


def add_user(email: str) -> User:
    """Create a verified account whose password is PASSWORD."""
    user = User(
        email=email,
        email_key=email_key(email),
        email_verified_at=clock.now(),
        password_hash=hash_password(PASSWORD),
    )
    db.session.add(user)
    db.session.commit()
    db.session.refresh(user)
    db.session.expunge(user)
    return user


def start_session(
    user_id: UUID, *, remember: bool, client: Client, amr: str = authentication_methods.PASSWORD
) -> SignedIn:
    signer = signing_keys.signer()
    with transaction():
        user = account_status.lock(user_id)
        session = sessions.begin(user, remember=remember, client=client, amr=amr)
    return sessions.tokens_of(session, signer)
