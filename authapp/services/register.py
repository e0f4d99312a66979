"""Registering an address, which becomes an account once its mailbox confirms it."""

from uuid import UUID, uuid4

from authapp.domain import activity, registration
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, parse_email
from authapp.domain.limits import mail_limits
from authapp.domain.passwords import hash_new_password, strength
from authapp.errors import InputRefused
from authapp.models import Activity, User, db
from authapp.models.transaction import transaction
from authapp.services import verify_email


def register(
    email: str,
    password: str,
    *,
    client: Client,
    browser: str | None = None,
    language: str | None = None,
) -> UUID:
    """Add an account that owns its address once the address is verified, and return its id.

    `browser` is the secret of the browser that registers; there the link needs no code. `language`
    is the tag of the language in which the user gets messages, such as `de-AT`. This
    function does not look for an account at the address, so neither the response nor its time
    depends on there being one (ASVS 6.3.8): a worker decides which email to send. Raises
    InputRefused for an unacceptable address or password, NotAllowed if REGISTRATION is not open,
    and TooManyAttempts for a client that registers too often.
    """
    address = _parse_allowed(email)
    mail_limits.spend(client)
    password_hash = hash_new_password(password, field="password", context=[address])
    id = uuid4()
    with transaction():
        user = User(
            id=id,
            email=address,
            email_key=email_key(address),
            password_hash=password_hash,
            language=language,
        )
        db.session.add(user)
        db.session.flush()
        activity.note(id, Activity.REGISTERED, client)
        verify_email.ask(id, browser=browser, client=client)
    return id


def refusals(email: str, password: str) -> list[InputRefused]:
    """Return all errors that `register` would find in the input, to show them together."""
    try:
        refused, context = [], [_parse_allowed(email)]
    except InputRefused as refusal:
        refused, context = [refusal], []
    rating = strength(password, field="password", context=context)
    return [*refused, rating.refusal] if rating.refusal else refused


def _parse_allowed(email: str) -> str:
    address = parse_email(email)
    registration.require_allowed(address)
    return address
