"""Making an account."""

from datetime import timedelta
from typing import Final

from sqlalchemy.exc import IntegrityError

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.errors import InputRefused, TooManyAttempts
from authapp.models import Activity, User, db
from authapp.services import activity, attempts, verify_email
from authapp.services.attempts import Limit
from authapp.services.email_addresses import email_key, find_owner, parse_email
from authapp.services.origin import Origin
from authapp.services.passwords import hash_new_password, strength

BY_CLIENT: Final = Limit("register_by_client", most=20, within=timedelta(hours=1))
BY_ADDRESS: Final = Limit("register_by_address", most=3, within=timedelta(hours=1))
"""Mails that tell an owner; whoever goes on from many clients is not told that they end."""


def register(email: str, password: str, *, origin: Origin, browser: str | None = None) -> None:
    """Make an account and mail the link that verifies its address.

    `browser` is the secret of the browser that registers, in which the link needs no code.
    Says nothing of whether the address had an account before: its owner is told by mail, and the
    password is hashed either way, so that both take the same time (ASVS 6.3.8). Raises
    InputRefused for an address or a password that is not acceptable, and TooManyAttempts for a
    client that registers too often.
    """
    address = parse_email(email)
    attempts.spend(BY_CLIENT, origin.network)
    password_hash = hash_new_password(password, field="password", context=[address])
    is_flooded = _is_flooded(address)
    owner = find_owner(address) or _make(address, password_hash, origin, browser)
    if owner is not None and not is_flooded:
        _tell(owner, origin)
    db.session.commit()


def refusals(email: str, password: str) -> list[InputRefused]:
    """Return all that `register` would refuse of what somebody typed, to be told at once."""
    try:
        refused, context = [], [parse_email(email)]
    except InputRefused as refusal:
        refused, context = [refusal], []
    weighed = strength(password, field="password", context=context)
    return [*refused, weighed.refusal] if weighed.refusal else refused


def _make(address: str, password_hash: str, origin: Origin, browser: str | None) -> User | None:
    """Make the account; return the owner of an account that was made at the same moment."""
    user = User(email=address, email_key=email_key(address), password_hash=password_hash)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return find_owner(address)
    activity.note(user.id, Activity.REGISTERED, origin)
    verify_email.send(user, browser=browser)
    return None


def _is_flooded(address: str) -> bool:
    try:
        attempts.spend(BY_ADDRESS, email_key(address))
    except TooManyAttempts:
        return True
    return False


def _tell(owner: User, origin: Origin) -> None:
    activity.note(owner.id, Activity.REGISTERED_AGAIN, origin)
    public_url = current_settings().public_url
    mail.enqueue(
        "address_exists",
        to=owner.email,
        user_id=owner.id,
        sign_in_link=f"{public_url}/login",
        reset_link=f"{public_url}/password/reset",
    )
