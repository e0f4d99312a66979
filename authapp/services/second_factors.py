"""Setting up, renewing and removing second factors."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.domain import account_status, activity, security_notices
from authapp.domain.client import Client
from authapp.domain.factors import (
    authenticator_apps,
    lost_factors,
    passkeys,
    recovery_codes,
    remembered_devices,
    second_factors,
)
from authapp.errors import Conflict, NotAllowed, NotFound
from authapp.models import Activity, AuthenticatorApp, Passkey, User, db
from authapp.models.transaction import transaction
from authapp.security import totp
from authapp.security.recovery_codes import as_text, new_code


@dataclass(frozen=True)
class Overview:
    """An account's second factors; `app_added_at` is None without an authenticator app."""

    app_added_at: datetime | None
    app_last_used_at: datetime | None
    passkeys: list[Passkey]
    codes_left: int

    @property
    def since(self) -> datetime | None:
        """When the oldest of them was added."""
        return min(
            filter(None, [self.app_added_at, *(each.created_at for each in self.passkeys)]),
            default=None,
        )

    @property
    def usable_passkeys(self) -> list[Passkey]:
        """Passkeys that were not disabled by the link in a security email."""
        return [each for each in self.passkeys if each.reported_at is None]


@dataclass(frozen=True)
class Enrollment:
    """What an app needs to know: a URI for a QR code, and its secret for typing."""

    uri: str
    secret: str


class Codes(NamedTuple):
    """Recovery codes to show, and their digests to store; both may be empty."""

    texts: list[str]
    digests: list[bytes]


class FirstCode(NamedTuple):
    """The first code of an app, when it was entered, and recovery codes for a first factor."""

    code: str
    entered_at: datetime
    codes: Codes


def overview(user_id: UUID) -> Overview:
    """Return an account's second factors."""
    app = db.session.get(AuthenticatorApp, user_id)
    in_use = app if app is not None and app.confirmed_at is not None else None
    return Overview(
        app_added_at=in_use.confirmed_at if in_use else None,
        app_last_used_at=in_use.last_used_at if in_use else None,
        passkeys=passkeys.list_all(user_id),
        codes_left=recovery_codes.count_left(user_id),
    )


def begin(user_id: UUID) -> None:
    """Generate the secret of a new app, which `confirm` enables.

    An enrollment that was begun earlier is replaced. Raises Conflict if the account has an app,
    and NotFound if SECOND_FACTOR is off.
    """
    with transaction():
        account_status.require_active(user_id)
        add_secret(user_id)


def add_secret(user_id: UUID) -> None:
    """Generate a new app's secret in the caller's transaction, which has locked the account."""
    if not second_factors.is_offered():
        raise NotFound("SECOND_FACTOR is off")
    sealed = authenticator_apps.seal_secret(user_id, totp.new_secret())
    app = db.session.get(AuthenticatorApp, user_id)
    _require_unconfirmed(app)
    app = app or AuthenticatorApp(user_id=user_id)
    app.secret_sealed, app.created_at = sealed, clock.now()
    db.session.add(app)


def get_enrollment(user_id: UUID) -> Enrollment:
    """Return the enrollment that was begun; raises NotFound, or Conflict if it was confirmed."""
    return enrollment_of(user_id, authenticator_apps.open_secret(_begun(user_id)))


def enrollment_of(user_id: UUID, secret: bytes) -> Enrollment:
    """Return what an app of the account with this secret needs to know."""
    user = db.session.get_one(User, user_id)
    issuer = current_settings().brand.app_name
    uri = totp.provisioning_uri(secret, account=user.email, issuer=issuer)
    return Enrollment(uri=uri, secret=totp.as_text(secret))


def confirm(user_id: UUID, typed: str, *, client: Client) -> list[str]:
    """Enable the app with a code from it.

    From now on, sign-in asks for a second factor. Returns ten recovery codes, or none if the
    account already has a second factor. Raises InputRefused for a wrong code, NotFound if no
    enrollment was begun, and Conflict if it was confirmed already.
    """
    first = check_first_code(user_id, typed)
    with transaction():
        enable(account_status.require_active(user_id), first, client=client)
    return first.codes.texts


def check_first_code(user_id: UUID, typed: str) -> FirstCode:
    """Check the first code of an app, and generate recovery codes: hashing them is slow.

    Raises what `confirm` raises.
    """
    if not second_factors.is_offered():
        raise NotFound("SECOND_FACTOR is off")
    code, entered_at = authenticator_apps.read_code(typed), clock.now()
    authenticator_apps.check_code_of(_begun(user_id), code, entered_at)
    return FirstCode(code, entered_at, new_codes_for_first(user_id))


def enable(user: User, first: FirstCode, *, client: Client) -> None:
    """Enable the app in the caller's transaction, which has locked the account."""
    app = _begun(user.id)
    # Another tab may have begun again, with another secret.
    second_factors.claim(authenticator_apps.check_code_of(app, first.code, first.entered_at))
    store_codes_for_first(user.id, first.codes)
    app.confirmed_at = clock.now()
    lost_factors.cancel_and_note(user.id, client)
    remembered_devices.forget(user.id)
    activity.note(user.id, Activity.SECOND_FACTOR_ADDED, client)
    is_first = bool(first.codes.digests)
    security_notices.send(user, "second_factor_added", client=client, is_first=is_first)


def renew_codes(user_id: UUID, *, client: Client) -> list[str]:
    """Replace the recovery codes and return the new ones; raises NotFound without a factor."""
    codes = _new_codes(user_id)
    with transaction():
        user = account_status.require_active(user_id)
        if not second_factors.is_enrolled(user_id):
            raise NotFound("the account has no second factor")
        recovery_codes.replace(user_id, codes.digests)
        activity.note(user_id, Activity.RECOVERY_CODES_RENEWED, client)
        security_notices.send(user, "recovery_codes_renewed", client=client)
    return codes.texts


def remove_app(user_id: UUID, *, client: Client) -> bool:
    """Remove the app, and the recovery codes if there is no passkey.

    Returns whether sign-in still asks for a second factor. Raises NotFound without an app, and
    NotAllowed if its owner needs one.
    """
    with transaction():
        user = account_status.lock(user_id)
        if not second_factors.remove_app(user_id):
            raise NotFound("the account has no authenticator app")
        require_factor_left(user_id)
        return _note_removal(user, client)


def remove_all(user_id: UUID) -> None:
    """Remove the app, the passkeys and the recovery codes, for an operator.

    Raises NotFound if the account has no second factor.
    """
    with transaction():
        user = account_status.lock(user_id)
        if not second_factors.remove_all(user_id):
            raise NotFound("the account has no second factor")
        _note_removal(user, None)


def require_factor_left(user_id: UUID) -> None:
    """Raise NotAllowed if the transaction has removed the last factor, and one is required."""
    if second_factors.is_required_of(user_id) and not second_factors.is_enrolled(user_id):
        raise NotAllowed("SECOND_FACTOR requires a second factor")


def new_codes_for_first(user_id: UUID) -> Codes:
    """Return new recovery codes if the account has no second factor yet, before the transaction."""
    return Codes([], []) if second_factors.is_enrolled(user_id) else _new_codes(user_id)


def store_codes_for_first(user_id: UUID, codes: Codes) -> None:
    """Store the codes of `new_codes_for_first` in the caller's transaction, before the factor.

    Raises Conflict if another request has just added or removed a factor.
    """
    if second_factors.is_enrolled(user_id) == bool(codes.digests):
        raise Conflict("another request has changed the second factors")
    if codes.digests:
        recovery_codes.replace(user_id, codes.digests)


def _note_removal(user: User, client: Client | None) -> bool:
    still_on = second_factors.is_enrolled(user.id)
    if not still_on:
        lost_factors.cancel_and_note(user.id, client)
    removed = Activity.APP_REMOVED if still_on else Activity.SECOND_FACTOR_REMOVED
    activity.note(user.id, removed, client)
    security_notices.send(user, "second_factor_removed", client=client, still_on=still_on)
    return still_on


def _begun(user_id: UUID) -> AuthenticatorApp:
    app = db.session.get(AuthenticatorApp, user_id)
    _require_unconfirmed(app)
    if app is None:
        raise NotFound("no enrollment was begun")
    return app


def _require_unconfirmed(app: AuthenticatorApp | None) -> None:
    if app is not None and app.confirmed_at is not None:
        raise Conflict("the account has an authenticator app")


def _new_codes(user_id: UUID) -> Codes:
    codes = [new_code() for _ in range(recovery_codes.COUNT)]
    texts = [as_text(code) for code in codes]
    return Codes(texts, recovery_codes.hash_all(user_id, codes))
