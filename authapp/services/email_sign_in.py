"""Signing in with a code that is emailed, for a mailbox instead of a password.

A mailbox is not an authentication factor (NIST SP 800-63B-4, section 3.1.3.1; ASVS 6.3.6), so it is
off by default, and such a session has to confirm with the password or a second factor before
sensitive changes.
"""

from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Row, select

from authapp import clock, metrics
from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import (
    account_status,
    activity,
    emailed_links,
    one_time_tokens,
    sign_ins,
    signing_keys,
)
from authapp.domain.client import Client
from authapp.domain.devices import device as device_of
from authapp.domain.email_addresses import email_key, find_owner, parse_email
from authapp.domain.emailed_links import Visitor
from authapp.domain.factors import authentication_methods
from authapp.domain.limits import code_guesses, mail_limits
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import InputRefused, NotFound, TokenInvalid
from authapp.models import (
    Activity,
    EmailSignInRequest,
    User,
    VerificationToken,
    VerificationType,
    db,
)
from authapp.models.transaction import release_connection, transaction
from authapp.security.opaque_tokens import digest
from authapp.services.worker_queues import answer_all
from authapp.token_cache.records import VerificationTokenRecord

Link = VerificationToken | VerificationTokenRecord

TYPE: Final = VerificationType.EMAIL_SIGN_IN

LIFETIME: Final = timedelta(minutes=10)
"""Source: NIST SP 800-63B-4, section 3.1.3.2; ASVS 6.5.5."""


def is_offered() -> bool:
    """Return whether this server emails sign-in codes."""
    return current_settings().accounts.email_sign_in == "on"


def require_offered() -> None:
    """Raise NotFound if this server does not email sign-in codes."""
    if not is_offered():
        raise NotFound("this server does not email sign-in codes")


def request(email: str, *, browser: str, client: Client) -> None:
    """Record a request for a code; a worker emails it if the address has an account.

    `browser` is the secret of the browser that may use the code. This function does not look for
    the account, so neither the response nor its time depends on there being one (ASVS 6.3.8).
    Raises InputRefused for an invalid address, and TooManyAttempts.
    """
    address = parse_email(email)
    mail_limits.spend(client)
    if not mail_limits.allows_sign_in_code(address):
        return
    with transaction():
        db.session.add(
            EmailSignInRequest(
                email=address,
                browser_digest=digest(browser.encode()),
                address=client.address,
                user_agent=client.user_agent,
            )
        )


def answer_requests() -> int:
    """Email a code for every request whose address has an account; return how many there were."""
    return answer_all(EmailSignInRequest, _answer)


@metrics.outcomes(metrics.SIGN_INS)
def sign_in_by_code(
    email: str, visitor: Visitor, typed: str, *, remember: bool, device: SignInDevice
) -> SignedIn:
    """Start a session with the code alone, in the browser that asked for it.

    The same work is done for every address, until the code is correct. Raises InputRefused for a
    wrong code, TooManyAttempts, SecondFactorRequired, and what `one_time_tokens.claim` and
    `require_active` raise.
    """
    code = emailed_links.require_digits(typed)
    code_guesses.spend(code_guesses.at_sign_in_code(email))
    link = _find(email, visitor)
    is_correct = emailed_links.is_code_of(link.id if link is not None else uuid4(), code)
    if link is None or not is_correct:
        raise InputRefused("code", "wrong")
    return _begin(link, remember, device)


@metrics.outcomes(metrics.SIGN_INS)
def sign_in_by_link(
    value: str, visitor: Visitor, typed: str, *, remember: bool, device: SignInDevice
) -> SignedIn:
    """Start a session with the link; a browser that did not ask for it also needs the code.

    Raises what `sign_in_by_code` and `one_time_tokens.require` raise.
    """
    link = one_time_tokens.require(value, TYPE)
    if not emailed_links.is_recognized(link, visitor):
        code = emailed_links.require_digits(typed)
        code_guesses.spend(code_guesses.at_sign_in_link(link.id))
        if not emailed_links.is_code_of(link.id, code):
            raise InputRefused("code", "wrong")
    return _begin(link, remember, device)


def _answer(asked: Row[Any]) -> None:
    user = find_owner(asked.email)
    if user is not None and account_status.is_active(user):
        _send(user, asked.browser_digest, Client(asked.address, asked.user_agent))


def _send(user: User, browser_digest: bytes, client: Client) -> None:
    """Add a link and its email; earlier ones stay valid, so that no stranger can revoke them."""
    value = one_time_tokens.add(
        user, TYPE, target=user.email, lifetime=LIFETIME, browser_digest=browser_digest
    )
    mail.enqueue(
        "email_sign_in",
        to=user.email,
        user_id=user.id,
        lifetime=LIFETIME,
        email=user.email,
        link=f"{current_settings().deployment.public_url}/login/email/{value}",
        code=emailed_links.code_of(value),
        expires_minutes=int(LIFETIME.total_seconds() // 60),
        asked_at=clock.now(),
        address=client.address,
        device=device_of(client.user_agent),
    )
    activity.note(user.id, Activity.SIGN_IN_CODE_REQUESTED, client)


def _find(email: str, visitor: Visitor) -> VerificationToken | None:
    """Return the newest link that a browser asked for; one statement, whether there is one or not.

    The database is asked, because the cache would be faster for addresses that it knows.
    """
    found = (
        select(VerificationToken)
        .join(User, User.id == VerificationToken.user_id)
        .where(
            User.email_key == email_key(email),
            VerificationToken.type == TYPE,
            VerificationToken.browser_digest == digest((visitor.browser or "").encode()),
            VerificationToken.used_at.is_(None),
            VerificationToken.revoked_at.is_(None),
            VerificationToken.expires_at > clock.now(),
        )
    )
    row = db.session.scalar(found.order_by(VerificationToken.created_at.desc()).limit(1))
    if row is not None:
        db.session.expunge(row)
    release_connection()
    return row


def _begin(link: Link, remember: bool, device: SignInDevice) -> SignedIn:
    """Consume the link, and start the session, unless a second factor is needed too."""
    signer, amr = signing_keys.signer(), authentication_methods.EMAILED_CODE
    with transaction():
        user = account_status.require_active(link.user_id)
        if user.email_key != email_key(link.target):
            raise TokenInvalid("the account's address has changed")
        one_time_tokens.claim(link)
        code_guesses.forgive(code_guesses.at_sign_in_code(link.target))
        begun = sign_ins.begin_if_complete(user, remember=remember, device=device, amr=amr)
    return sign_ins.finish(begun, signer)
