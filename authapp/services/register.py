"""Creating an account."""

from datetime import timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity, rate_limits
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner, parse_email
from authapp.domain.passwords import hash_new_password, strength
from authapp.domain.rate_limits import Limit
from authapp.errors import InputRefused, TooManyAttempts
from authapp.models import Activity, User, db
from authapp.models.transaction import transaction
from authapp.services import verify_email

BY_CLIENT: Final = Limit("register_by_client", most=20, within=timedelta(hours=1))
BY_ADDRESS: Final = Limit("register_by_address", most=3, within=timedelta(hours=1))
"""Emails to one address; clients that exceed it are not told."""


def register(email: str, password: str, *, client: Client, browser: str | None = None) -> None:
    """Create an account and email a link that verifies its address.

    `browser` is the secret of the browser that registers; there the link needs no code. The result
    does not reveal whether the address already had an account: its owner is told by email, and the
    password is hashed either way, so that both take the same time (ASVS 6.3.8). Raises
    InputRefused for an unacceptable address or password, and TooManyAttempts for a client that
    registers too often.
    """
    address = parse_email(email)
    rate_limits.spend(BY_CLIENT, client.network)
    password_hash = hash_new_password(password, field="password", context=[address])
    is_flooded = _is_flooded(address)
    if find_owner(address) is None and _try_create(address, password_hash, client, browser):
        return
    with transaction():
        owner = find_owner(address)
        if owner is not None and not is_flooded:
            _notify(owner, client)


def refusals(email: str, password: str) -> list[InputRefused]:
    """Return all errors that `register` would find in the input, to show them together."""
    try:
        refused, context = [], [parse_email(email)]
    except InputRefused as refusal:
        refused, context = [refusal], []
    rating = strength(password, field="password", context=context)
    return [*refused, rating.refusal] if rating.refusal else refused


def _try_create(address: str, password_hash: str, client: Client, browser: str | None) -> bool:
    """Create the account; return False if another request just created one at this address."""
    user = User(email=address, email_key=email_key(address), password_hash=password_hash)
    try:
        with transaction():
            db.session.add(user)
            db.session.flush()
            activity.note(user.id, Activity.REGISTERED, client)
            verify_email.send(user, browser=browser)
    except IntegrityError:
        return False
    return True


def _is_flooded(address: str) -> bool:
    try:
        rate_limits.spend(BY_ADDRESS, email_key(address))
    except TooManyAttempts:
        return True
    return False


def _notify(owner: User, client: Client) -> None:
    activity.note(owner.id, Activity.REGISTERED_AGAIN, client)
    public_url = current_settings().deployment.public_url
    mail.enqueue(
        "address_exists",
        to=owner.email,
        user_id=owner.id,
        sign_in_link=f"{public_url}/login",
        reset_link=f"{public_url}/password/reset",
    )
