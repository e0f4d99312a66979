"""Making an account."""

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.models import User, db
from authapp.services import verify_email
from authapp.services.email_addresses import email_key, parse_email
from authapp.services.origin import Origin
from authapp.services.passwords import hash_new_password


def register(email: str, password: str, *, origin: Origin) -> None:
    """Make an account and mail the link that verifies its address.

    Says nothing of whether the address had an account before: its owner is told by mail, and the
    password is hashed either way, so that both take the same time (ASVS 6.3.8). Raises
    InputRefused for an address or a password that is not acceptable.
    """
    address = parse_email(email)
    password_hash = hash_new_password(password, field="password", context=[address])
    if _exists(address):
        _tell_owner(address)
    else:
        _make(address, password_hash)


def _make(address: str, password_hash: str) -> None:
    user = User(email=address, email_key=email_key(address), password_hash=password_hash)
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        # Somebody registered the same address at the same moment.
        db.session.rollback()
        _tell_owner(address)
        return
    verify_email.send(user)
    db.session.commit()


def _tell_owner(address: str) -> None:
    owner = db.session.scalars(_by_address(address)).one()
    public_url = current_settings().public_url
    mail.enqueue(
        "address_exists",
        to=owner.email,
        user_id=owner.id,
        sign_in_link=f"{public_url}/login",
        reset_link=f"{public_url}/password/reset",
    )
    db.session.commit()


def _exists(address: str) -> bool:
    return db.session.scalars(_by_address(address)).one_or_none() is not None


def _by_address(address: str) -> Select[tuple[User]]:
    return select(User).where(User.email_key == email_key(address))
