"""What every sign-in does once the user has proved who they are."""

from dataclasses import dataclass

from sqlalchemy import exists, select

from authapp import clock
from authapp.domain import activity, known_devices, pending_sign_ins, security_notices, sessions
from authapp.domain.activity import KEPT as ACTIVITY_KEPT
from authapp.domain.client import Client
from authapp.domain.factors import lost_factors, remembered_devices
from authapp.domain.factors.authentication_methods import PASSWORD, SEVERAL_FACTORS, Factor
from authapp.domain.pending_sign_ins import PendingSignIn
from authapp.domain.sessions import Identity, SignedIn
from authapp.domain.signing_keys import Signer
from authapp.errors import SecondFactorRequired
from authapp.models import Activity, ActivityEvent, EndReason, RememberedDevice, User, db
from authapp.token_cache.records import RefreshTokenRecord


@dataclass(frozen=True)
class SignInDevice:
    """The browser or program with which someone signs in.

    `cookie` is its device cookie (`known_devices`). `remembered` makes a second factor unnecessary
    if it is a remembered device (`remembered_devices`). `session` is the one that it has so far.
    """

    client: Client
    cookie: str = ""
    remembered: str = ""
    session: Identity | None = None


Begun = RefreshTokenRecord | SecondFactorRequired
"""A session, or the error that asks for what is missing; `finish` tells them apart."""


def begin_if_complete(
    user: User,
    *,
    remember: bool,
    device: SignInDevice,
    amr: str = PASSWORD,
    remembered: RememberedDevice | None = None,
) -> Begun:
    """Do what `begin` does, unless the first step of the sign-in is not enough.

    On a device that the user had `remembered`, it is.
    """
    if remembered is None:
        missing = pending_sign_ins.missing_step(user, remember=remember, amr=amr)
        if missing is not None:
            return missing
    session = begin(user, remember=remember, device=device, amr=amr)
    if remembered is not None:
        remembered_devices.note_use(remembered, session)
    return session


def finish(begun: Begun, signer: Signer) -> SignedIn:
    """Return the tokens of a session, or raise the error for what is missing.

    Call it after the transaction: what the first step changed must stay.
    """
    if isinstance(begun, SecondFactorRequired):
        raise begun
    return sessions.tokens_of(begun, signer)


def begin(
    user: User, *, remember: bool, device: SignInDevice, amr: str = PASSWORD
) -> RefreshTokenRecord:
    """Start a session in the caller's transaction, and end the one that it replaces.

    The user gets an email if the device is unknown. The caller holds the account's lock
    (`account_status.lock`).
    """
    client, replaced = device.client, device.session
    if not known_devices.knows(device.cookie, user.id) and not is_first(user):
        security_notices.send(user, "new_device", client=client)
    methods = amr.split()
    if SEVERAL_FACTORS in methods:
        lost_factors.prove(user, client, methods)
    if replaced is not None:
        # A device has one session; the replaced one would stay active unnoticed.
        sessions.end(replaced.session_id, replaced.user_id, EndReason.REPLACED)
    session = sessions.begin(user, remember=remember, client=client, amr=amr)
    # After the session, so that both are recorded by one statement.
    activity.note(session.user_id, Activity.SIGNED_IN, client)
    return session


def complete(
    pending: PendingSignIn, user: User, factor: Factor, *, device: SignInDevice
) -> RefreshTokenRecord:
    """Do what `begin` does, for a sign-in whose second step has succeeded."""
    amr = pending_sign_ins.methods(pending, factor)
    return begin(user, remember=pending.remember, device=device, amr=amr)


def is_first(user: User) -> bool:
    """Return True if the account is new and no one has signed in to it yet.

    Old activity is deleted, so an old account without a recorded sign-in may have had one.
    """
    signed_in = exists().where(
        ActivityEvent.user_id == user.id, ActivityEvent.activity == Activity.SIGNED_IN
    )
    is_new = user.created_at > clock.now() - ACTIVITY_KEPT
    return is_new and not db.session.scalar(select(signed_in))
