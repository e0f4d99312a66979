"""Replacing an authenticator app: the old one works until a code of the new one is entered.

Until then, the browser has the new secret, sealed, so that an unfinished replacement changes
nothing.
"""

import base64
from typing import NamedTuple
from uuid import UUID

from authapp import clock
from authapp.domain import account_status, activity, security_notices
from authapp.domain.client import Client
from authapp.domain.factors import (
    authenticator_apps,
    lost_factors,
    remembered_devices,
    second_factors,
)
from authapp.errors import Conflict, NotFound
from authapp.models import Activity, AuthenticatorApp, db
from authapp.models.transaction import transaction
from authapp.security import totp
from authapp.services.second_factors import Enrollment, enrollment_of


class _Replacement(NamedTuple):
    """The new app, which is not stored, and the one that it replaces."""

    app: AuthenticatorApp
    instead_of: str


def begin(user_id: UUID) -> str:
    """Return a value with the secret of a new app, sealed for the account.

    Raises NotFound if the account has no app, or SECOND_FACTOR is off.
    """
    replaced = _require_app(user_id)
    sealed = authenticator_apps.seal_secret(user_id, totp.new_secret())
    return f"{_version(replaced)} {base64.urlsafe_b64encode(sealed).decode()}"


def get_enrollment(user_id: UUID, value: str) -> Enrollment:
    """Return what the new app needs to know.

    Raises what `begin` raises, and Conflict if the app was replaced in the meantime.
    """
    new = _read(user_id, value)
    _require_same(_require_app(user_id), new)
    return enrollment_of(user_id, authenticator_apps.open_secret(new.app))


def confirm(user_id: UUID, value: str, typed: str, *, client: Client) -> None:
    """Replace the app with the new one, and tell the owner; `typed` is a code of the new one.

    Codes of the old app stop working. Recovery codes and passkeys stay. Raises InputRefused for a
    wrong code, and what `get_enrollment` raises.
    """
    new, now = _read(user_id, value), clock.now()
    _require_same(_require_app(user_id), new)
    proof = authenticator_apps.check_code_of(new.app, authenticator_apps.read_code(typed), now)
    secret = authenticator_apps.open_secret(new.app)
    with transaction():
        user = account_status.require_active(user_id)
        app = _require_app(user_id)
        _require_same(app, new)
        app.secret_sealed = authenticator_apps.seal_secret(user_id, secret)
        app.created_at = app.confirmed_at = app.last_used_at = now
        app.last_step = proof.step
        lost_factors.cancel_and_note(user_id, client)
        remembered_devices.forget(user_id)
        activity.note(user_id, Activity.SECOND_FACTOR_REPLACED, client)
        security_notices.send(user, "second_factor_replaced", client=client)


def _require_app(user_id: UUID) -> AuthenticatorApp:
    app = db.session.get(AuthenticatorApp, user_id)
    if app is None or app.confirmed_at is None or not second_factors.is_offered():
        raise NotFound("the account has no authenticator app that could be replaced")
    return app


def _read(user_id: UUID, value: str) -> _Replacement:
    instead_of, _, sealed = value.partition(" ")
    secret = base64.urlsafe_b64decode(sealed)
    # Codes of the old app do not count for the new one.
    app = AuthenticatorApp(user_id=user_id, secret_sealed=secret, last_step=0)
    return _Replacement(app, instead_of)


def _require_same(app: AuthenticatorApp, new: _Replacement) -> None:
    if _version(app) != new.instead_of:
        raise Conflict("the app was replaced in the meantime")


def _version(app: AuthenticatorApp) -> str:
    return f"{app.user_id}/{app.confirmed_at.isoformat() if app.confirmed_at else ''}"
