"""Passkeys: asking browsers for one, verifying the answers, and listing those of an account."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit
from uuid import UUID

from sqlalchemy import and_, literal, or_, select, update

from authapp import clock
from authapp.config import current_settings
from authapp.domain.client import Client
from authapp.domain.factors import passkey_challenges
from authapp.domain.factors.passkey_challenges import Binding
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count, Limit
from authapp.domain.limits.trusted_networks import unless_trusted
from authapp.errors import CredentialsRefused, InputRefused, PasskeyCopied
from authapp.models import Passkey, User, db
from authapp.security import passkey_answers
from authapp.security.passkey_answers import (
    DUMMY_KEY,
    LONGEST_ID_BYTES,
    AnswerRefused,
    Assertion,
    NewPasskey,
)
from authapp.security.passkey_options import Known, Site, ask_for_passkey

HANDLE_BYTES: Final = 32

_FAILURES: Final = Limit("passkey", most=50, within=timedelta(minutes=10))
"""Refused answers of one client. A signature cannot be guessed; this bounds the work."""


@dataclass(frozen=True)
class VerifiedAnswer:
    """A correct answer of a passkey, whose use `claim` records."""

    user_id: UUID
    passkey_id: UUID
    sign_count: int


def site() -> Site:
    """Return the site of passkeys: the host in PUBLIC_URL, and no other origin.

    Browsers refuse passkeys at an IP address, so that of this machine becomes `localhost`.
    """
    settings = current_settings()
    origin = urlsplit(settings.deployment.public_url)
    address = _as_address(origin)
    if address is not None and address.is_loopback:
        port = f":{origin.port}" if origin.port else ""
        origin = origin._replace(netloc=f"localhost{port}")
    return Site(origin.hostname or "", origin.geturl(), settings.brand.app_name)


def are_available() -> bool:
    """Return whether browsers can use passkeys here; they cannot at an IP address."""
    return _as_address(urlsplit(site().origin)) is None


def _as_address(origin: SplitResult) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(origin.hostname or "")
    except ValueError:
        return None


def ask(binding: Binding, *, user_id: UUID | None = None, verifies_user: bool) -> dict[str, Any]:
    """Return the options for the browser; for an unknown visitor, they name no passkeys."""
    known = [known_to_browser(each) for each in list_usable(user_id)] if user_id else []
    return ask_for_passkey(
        site(), passkey_challenges.issue(binding), known=known, verifies_user=verifies_user
    )


def check(
    text: str,
    binding: Binding,
    *,
    client: Client,
    user_id: UUID | None = None,
    verifies_user: bool = True,
) -> VerifiedAnswer:
    """Verify an answer and use up its challenge, before the transaction that calls `claim`.

    With `user_id`, only that account's passkeys are accepted. Raises InputRefused for a malformed
    answer and a challenge that does not work; CredentialsRefused for an unknown passkey and an
    invalid signature alike; PasskeyCopied for a counter that went back; and TooManyAttempts.
    """
    counts = _failures(client)
    if counts:
        rate_limits.spend_all(counts)
    try:
        assertion = passkey_answers.read_assertion(text)
    except AnswerRefused as error:
        raise InputRefused("passkey", "malformed") from error
    passkey_challenges.require(assertion.challenge, binding)
    passkey, sign_count = _verify(assertion, user_id, verifies_user=verifies_user)
    # Before the counter is compared: the same answer sent twice does not mean a copy.
    passkey_challenges.use_up(assertion.challenge)
    if (sign_count or passkey.sign_count) and sign_count <= passkey.sign_count:
        raise PasskeyCopied(passkey.user_id, passkey.id)
    rate_limits.give_back(counts)
    return VerifiedAnswer(passkey.user_id, passkey.id, sign_count)


def claim(answer: VerifiedAnswer) -> None:
    """Record the use of a passkey in the caller's transaction.

    Raises CredentialsRefused if it was removed in the meantime, or used with a higher counter.
    """
    counts_up = or_(
        Passkey.sign_count < answer.sign_count,
        # Most passkeys always send 0.
        and_(Passkey.sign_count == 0, literal(answer.sign_count == 0)),
    )
    claimed = (
        update(Passkey)
        .where(Passkey.id == answer.passkey_id, Passkey.reported_at.is_(None), counts_up)
        .values(sign_count=answer.sign_count, last_used_at=clock.now())
        .returning(Passkey.id)
    )
    if db.session.scalar(claimed) is None:
        raise CredentialsRefused("the passkey was removed or used in the meantime")


def read_new(text: str, binding: Binding) -> tuple[NewPasskey, str]:
    """Verify a new passkey, use up its challenge, and return it with its transports.

    Raises InputRefused.
    """
    try:
        registration = passkey_answers.read_registration(text)
        passkey_challenges.require(registration.challenge, binding)
        made = passkey_answers.verify_registration(registration, site=site())
    except AnswerRefused as error:
        raise InputRefused("passkey", "malformed") from error
    passkey_challenges.use_up(registration.challenge)
    return made, registration.transports


def list_all(user_id: UUID) -> list[Passkey]:
    """Return an account's passkeys, oldest first."""
    found = select(Passkey).where(Passkey.user_id == user_id)
    return list(db.session.scalars(found.order_by(Passkey.created_at, Passkey.id)))


def list_usable(user_id: UUID) -> list[Passkey]:
    """Return the passkeys that sign in to an account, oldest first."""
    return [passkey for passkey in list_all(user_id) if passkey.reported_at is None]


def disable_added_since(user_id: UUID, since: datetime) -> None:
    """Disable the passkeys that were added since an email was sent, in the caller's transaction.

    They are not deleted: if someone else reads the owner's email, sign-in must still ask for a
    second factor.
    """
    db.session.execute(
        update(Passkey)
        .where(Passkey.user_id == user_id, Passkey.created_at >= since)
        .where(Passkey.reported_at.is_(None))
        .values(reported_at=clock.now())
    )


def known_to_browser(passkey: Passkey) -> Known:
    """Return what a browser needs to find a passkey."""
    return Known(passkey.credential_id, passkey.transports)


def _verify(
    assertion: Assertion, user_id: UUID | None, *, verifies_user: bool
) -> tuple[Passkey, int]:
    """Return the passkey that signed an answer, and its counter."""
    passkey = _find(assertion, user_id)
    key = passkey.public_key if passkey else DUMMY_KEY
    try:
        sign_count = passkey_answers.verify_assertion(
            assertion, site=site(), public_key=key, verifies_user=verifies_user
        )
    except AnswerRefused as error:
        raise CredentialsRefused("the answer does not verify") from error
    if passkey is None:
        raise CredentialsRefused("no such passkey")
    return passkey, sign_count


def _find(assertion: Assertion, user_id: UUID | None) -> Passkey | None:
    """Return the passkey that an answer names, if it belongs to the account that it names."""
    if len(assertion.credential_id) > LONGEST_ID_BYTES:
        return None
    found = (
        select(Passkey, User.passkey_handle)
        .join(User, User.id == Passkey.user_id)
        .where(Passkey.credential_id == assertion.credential_id, Passkey.reported_at.is_(None))
    )
    row = db.session.execute(found).one_or_none()
    if row is None or user_id not in (None, row.Passkey.user_id):
        return None
    # A passkey that was found by its account may leave out the handle (WebAuthn, section 7.2).
    handle = assertion.user_handle if user_id is None else assertion.user_handle or row[1]
    passkey: Passkey = row.Passkey
    return passkey if handle == row[1] else None


def _failures(client: Client) -> list[Count]:
    return unless_trusted(client, Count(_FAILURES, client.network))
