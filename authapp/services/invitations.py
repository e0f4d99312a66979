"""Invitations: accounts that operators create, whose owners choose the password themselves.

The link verifies the address, sets the password and signs the owner in. A mail scanner that opens
it, or presses its button, changes nothing, because it types no password.
Source: ASVS 6.4.6, operators neither choose nor learn a password.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp import language as languages
from authapp.config import CLOSED, current_settings
from authapp.delivery import mail
from authapp.domain import (
    account_status,
    activity,
    emailed_links,
    one_time_tokens,
    passwords,
    roles,
    sign_ins,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner, parse_email
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import Conflict, NotAllowed, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationType, db
from authapp.models.transaction import transaction
from authapp.token_cache.records import VerificationTokenRecord

TYPE: Final = VerificationType.INVITATION


def are_possible() -> bool:
    """Return whether REGISTRATION allows operators to invite people."""
    return current_settings().accounts.registration != CLOSED


def is_pending(user: User) -> bool:
    """Return whether an account was invited, and its owner can still accept."""
    is_unconfirmed = user.email_verified_at is None and account_status.is_active(user)
    return is_unconfirmed and _was_invited(user)


def invite(email: str, *, given: Collection[str] = (), language: str | None = None) -> UUID:
    """Create an account with the roles `given`, and email its owner a link to accept it.

    The email is in `language`, the tag of an offered one, such as `de` or `de-AT`. Raises
    InputRefused for an invalid address or role, NotFound for a language that is not offered,
    Conflict if the address already has an account, and NotAllowed if REGISTRATION is closed.
    """
    _require_possible()
    tag = _require_offered(language) if language is not None else None
    address = parse_email(email)
    if find_owner(address) is not None:
        raise Conflict(f"{address} already has an account")
    user = User(
        email=address,
        email_key=email_key(address),
        password_hash=passwords.hash_of_no_password(),
        language=tag,
    )
    with transaction():
        db.session.add(user)
        db.session.flush()
        user_id = user.id
        activity.note(user_id, Activity.INVITED, None)
        for role in given:
            roles.add(user, roles.parse_role(role))
            activity.note(user_id, Activity.ROLE_GRANTED, None, role=role)
        _send(user)
    return user_id


def invite_again(user_id: UUID) -> None:
    """Email a new link, which replaces the earlier ones.

    Raises Conflict if the account is verified, cannot be used, or was never invited: its password
    may be a stranger's, and the roles of the invitation belong to another account. Raises
    NotAllowed if REGISTRATION is closed.
    """
    _require_possible()
    with transaction():
        user = account_status.lock(user_id)
        if user.email_verified_at is not None:
            raise Conflict(f"{user.email} is verified: send a link to reset the password instead")
        if not account_status.is_active(user):
            raise Conflict("the account cannot be used: enable it first")
        if not _was_invited(user):
            raise Conflict(f"{user.email} registered without an invitation: invite it instead")
        activity.note(user_id, Activity.INVITED, None)
        _send(user)


def check(value: str) -> VerificationTokenRecord:
    """Return the invitation without accepting it.

    Raises TokenInvalid if the account is disabled or its address has changed, and what
    `one_time_tokens.require` raises.
    """
    record = one_time_tokens.require(value, TYPE)
    _require_receiver(db.session.get(User, record.user_id), record)
    return record


def accept(link: VerificationTokenRecord, password: str, *, device: SignInDevice) -> SignedIn:
    """Consume the link, give the account its address and password, and sign its owner in.

    `link` comes from `check`. Raises InputRefused for an unacceptable password, which does not
    consume the link; EnrollmentRequired once the password is set, if the account needs a second
    factor; TokenInvalid if the address belongs to another account; and what `check` and
    `one_time_tokens.claim` raise.
    """
    signer = signing_keys.signer()
    hashed = passwords.hash_new_password(password, field="new_password", context=[link.target])
    with transaction():
        user = _require_receiver(account_status.lock(link.user_id), link)
        one_time_tokens.claim(link)
        emailed_links.own_address(user)
        _set_password(user, hashed, device.client)
        begun = sign_ins.begin_if_complete(user, remember=False, device=device)
    return sign_ins.finish(begun, signer)


def _require_possible() -> None:
    if not are_possible():
        raise NotAllowed("REGISTRATION is closed")


def _was_invited(user: User) -> bool:
    invited = select(User.id).where(User.id == user.id, one_time_tokens.had(TYPE))
    return db.session.scalar(invited) is not None


def _require_offered(tag: str) -> str:
    """Return the tag of an offered language in the form that is stored."""
    found = languages.find(tag)
    if found is None:
        offered = ", ".join(languages.tag_of(each) for each in languages.offered())
        raise NotFound(f"no such language: {tag[:80]!a}; LANGUAGES has {offered}")
    return languages.tag_of(found)


def _send(user: User) -> None:
    settings = current_settings()
    lifetime = settings.accounts.invitation_lifetime
    value = one_time_tokens.issue(user, TYPE, target=user.email, lifetime=lifetime)
    mail.enqueue(
        "invitation",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        email=user.email,
        link=f"{settings.deployment.public_url}/invitation/{value}",
        expires_at=clock.now() + lifetime,
    )


def _set_password(user: User, password_hash: str, client: Client) -> None:
    user.password_hash = password_hash
    user.password_changed_at = user.password_from_email_at = clock.now()
    # The same mailbox may have asked for a link to reset it.
    one_time_tokens.void(user.id, VerificationType.PASSWORD_RESET)
    activity.note(user.id, Activity.INVITATION_ACCEPTED, client)


def _require_receiver(user: User | None, link: VerificationTokenRecord) -> User:
    """Return the account if it may be used and still waits for the address of the invitation."""
    if (
        user is None
        or not account_status.is_active(user)
        or user.email_verified_at is not None
        or user.email_key != email_key(link.target)
    ):
        raise TokenInvalid("the account is disabled or verified, or its address has changed")
    return user
