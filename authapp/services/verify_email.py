"""Verifying an email address with an emailed link, or with the code in the same email.

Every registration is handled alike, even if another account owns the address: it gets a link and a
code too, but the email to that account's owner does not contain them.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import (
    account_status,
    activity,
    emailed_links,
    one_time_tokens,
    queued_requests,
    sign_ins,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner, own_address
from authapp.domain.emailed_links import Visitor
from authapp.domain.limits import mail_limits, rate_limits
from authapp.domain.limits.rate_limits import Limit
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.domain.signing_keys import Signer
from authapp.errors import NotAllowed, NotFound, TokenInvalid
from authapp.models import Activity, User, VerificationRequest, VerificationType, db
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import digest
from authapp.token_cache.records import VerificationTokenRecord

PAUSE: Final = Limit("verify_email_pause", most=1, within=timedelta(seconds=30))

_MAY_CONTINUE: Final = timedelta(hours=1)
"""How long the browser that registered may sign in without the password."""

TYPE: Final = VerificationType.EMAIL_VERIFICATION


def ask(user_id: UUID, *, browser: str | None, client: Client) -> None:
    """Add a request for an email to the caller's transaction; a worker sends it.

    `browser` is the secret of the browser in which the link needs no code.
    """
    db.session.add(
        VerificationRequest(
            user_id=user_id,
            browser_digest=digest(browser.encode()) if browser else None,
            address=client.address,
            user_agent=client.user_agent,
        )
    )


def send_again(user_id: UUID, *, browser: str | None, client: Client) -> None:
    """Ask for another email, whose link and code replace the earlier ones.

    Raises NotFound if the registration was deleted, and TooManyAttempts.
    """
    mail_limits.spend(client)
    for limit in (PAUSE, current_settings().limits.verification_emails):
        rate_limits.spend(limit, str(user_id))
    with transaction():
        if db.session.get(User, user_id) is None:
            raise NotFound("no such registration")
        ask(user_id, browser=browser, client=client)


def answer_requests() -> int:
    """Send the email for every request, and return how many there were."""
    answered = 0
    while (id := queued_requests.find_oldest(VerificationRequest)) is not None:
        answered += _answer(id)
    return answered


def claim(value: str, visitor: Visitor, code: str, *, device: SignInDevice) -> SignedIn | None:
    """Consume the link, and give the account its address.

    In the browser that registered, this also signs the user in, and returns the session's tokens.
    Raises Conflict if another account owns the address; EnrollmentRequired once it is verified, if
    the user has to set up a second factor; and what `emailed_links.require` and
    `emailed_links.claim` raise.
    """
    signer = signing_keys.signer()
    link = emailed_links.require(value, TYPE, visitor, code)
    return _verify(link, visitor, device, signer)


def claim_by_code(
    user_id: UUID, visitor: Visitor, code: str, *, device: SignInDevice
) -> SignedIn | None:
    """Give an account its address by the code alone, in the browser that registered.

    Returns the same as `claim`. Raises Conflict if another account owns the address, and what
    `emailed_links.require_by_code` and `emailed_links.claim` raise.
    """
    signer = signing_keys.signer()
    asked = emailed_links.find_asked(user_id, TYPE, visitor)
    link = emailed_links.require_by_code(asked, visitor, code, sent_to=str(user_id))
    return _verify(link, visitor, device, signer)


def is_confirmed_elsewhere(user_id: UUID) -> bool:
    """Return whether the browser that registered may sign in, because another one confirmed.

    It may for an hour after the registration, and only if no one has signed in yet.
    """
    user = db.session.get(User, user_id)
    return user is not None and _may_continue(user)


def sign_in_here(user_id: UUID, *, device: SignInDevice) -> SignedIn:
    """Sign the user in, in the browser that registered, after another one confirmed the address.

    The caller checks that the browser registered this account. Raises NotAllowed if
    `is_confirmed_elsewhere` is no longer True, and EnrollmentRequired.
    """
    signer = signing_keys.signer()
    with transaction():
        user = account_status.require_active(user_id)
        if not _may_continue(user):
            raise NotAllowed("someone has signed in, or too much time has passed")
        begun = sign_ins.begin_if_complete(user, remember=False, device=device)
    return sign_ins.finish(begun, signer)


def _answer(id: UUID) -> bool:
    """Answer a request, and return whether no other worker did."""
    of_request = select(User.email).join(VerificationRequest).where(VerificationRequest.id == id)
    address = db.session.scalar(of_request)
    # Counted here and not in the request, whose time must not depend on it.
    is_flooded = address is not None and not mail_limits.allows(address)
    with transaction():
        asked = queued_requests.claim(VerificationRequest, id)
        user = db.session.get(User, asked.user_id) if asked is not None else None
        if user is not None:
            _send(user, asked, is_flooded=is_flooded)
    return asked is not None


def _send(user: User, asked: Any, *, is_flooded: bool) -> None:
    """Add a link, and the email for the address's owner, to the caller's transaction."""
    lifetime = current_settings().accounts.email_verification_lifetime
    value = one_time_tokens.issue(
        user, TYPE, target=user.email, lifetime=lifetime, browser_digest=asked.browser_digest
    )
    owner = find_owner(user.email)
    if is_flooded:
        return
    if owner is None:
        _mail(user, value, lifetime)
    else:
        _notify(owner, Client(asked.address, asked.user_agent))


def _mail(user: User, value: str, lifetime: timedelta) -> None:
    mail.enqueue(
        "verify_email",
        to=user.email,
        user_id=user.id,
        lifetime=lifetime,
        link=f"{current_settings().deployment.public_url}/verify/email/{value}",
        code=emailed_links.code_of(value),
        expires_minutes=int(lifetime.total_seconds() // 60),
        email=user.email,
    )


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


def _verify(
    link: VerificationTokenRecord, visitor: Visitor, device: SignInDevice, signer: Signer
) -> SignedIn | None:
    with transaction():
        user = emailed_links.claim(link)
        # A link that is sent while the account becomes the owner of its address is not revoked.
        if user.email_verified_at is not None or user.email_key != email_key(link.target):
            raise TokenInvalid("the account is verified, or its address has changed")
        own_address(user, user.email)
        activity.note(user.id, Activity.EMAIL_VERIFIED, device.client)
        may_sign_in = emailed_links.is_recognized(link, visitor) and account_status.is_active(user)
        begun = None
        if may_sign_in:
            begun = sign_ins.begin_if_complete(user, remember=False, device=device)
    return sign_ins.finish(begun, signer) if begun else None


def _may_continue(user: User) -> bool:
    is_recent = user.created_at > clock.now() - _MAY_CONTINUE
    # After a reset, the browser that registered may be a stranger's.
    has_own_password = user.password_from_email_at is None
    is_verified = user.email_verified_at is not None
    return is_recent and is_verified and has_own_password and sign_ins.is_first(user)
