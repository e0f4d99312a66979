"""Authenticator apps: checking their codes, and sealing their secrets."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

import structlog
from sqlalchemy import select, update

from authapp import clock
from authapp.config import current_settings
from authapp.domain.factors.authentication_methods import Factor
from authapp.domain.limits import code_guesses, rate_limits
from authapp.errors import Conflict, InputRefused, Misconfigured
from authapp.models import AuthenticatorApp, db
from authapp.security import totp
from authapp.security.codes import read_code as read_digits
from authapp.security.sealing import SealBroken, Sealer

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class AppCode:
    """A correct code of an app, by its time step.

    `since` is when the app was confirmed, so that its codes do not outlive it.
    """

    factor: ClassVar[Factor] = Factor.AUTHENTICATOR_APP

    user_id: UUID
    step: int
    since: datetime | None


def is_in_use(user_id: UUID) -> bool:
    """Return whether the account has an app whose codes confirm who its user is."""
    app = db.session.get(AuthenticatorApp, user_id)
    return app is not None and app.confirmed_at is not None


def read_code(typed: str) -> str:
    """Return the code that a user typed; raises InputRefused for any other text."""
    code = read_digits(typed)
    if code is None:
        raise InputRefused("code", "not_a_code_from_app")
    return code


def check(user_id: UUID, code: str) -> AppCode:
    """Count a guess at the code of an account's app, and check it.

    Raises InputRefused, TooManyAttempts, and Misconfigured, which is not counted.
    """
    guesses = code_guesses.at_app(user_id)
    code_guesses.spend(guesses)
    with rate_limits.unless_unavailable(guesses):
        app = db.session.get(AuthenticatorApp, user_id)
        return check_code_of(app if is_in_use(user_id) else None, code, clock.now())


def check_code_of(app: AuthenticatorApp | None, code: str, now: datetime) -> AppCode:
    """Check a code of an app that was entered at `now`; raises InputRefused."""
    step = totp.find_step(open_secret(app), code, now) if app is not None else None
    if app is None or step is None:
        raise InputRefused("code", "wrong_from_app")
    if step <= app.last_step:
        raise InputRefused("code", "used")
    return AppCode(app.user_id, step, app.confirmed_at)


def claim(code: AppCode) -> None:
    """Use up a code in the caller's transaction.

    Raises InputRefused if another request used it or a later one first, or replaced its app.
    """
    claimed = (
        update(AuthenticatorApp)
        .where(
            AuthenticatorApp.user_id == code.user_id,
            AuthenticatorApp.last_step < code.step,
            AuthenticatorApp.confirmed_at.is_not_distinct_from(code.since),
        )
        .values(last_step=code.step, last_used_at=clock.now())
        .returning(AuthenticatorApp.user_id)
    )
    if db.session.scalar(claimed) is None:
        raise InputRefused("code", "used")


def seal_secret(user_id: UUID, secret: bytes) -> bytes:
    """Return an app's secret, sealed under KEY_ENCRYPTION_KEYS and bound to its account."""
    return _sealer().seal(secret, bound_to=_binding(user_id))


def open_secret(app: AuthenticatorApp) -> bytes:
    """Return an app's secret; raises Misconfigured if no key of KEY_ENCRYPTION_KEYS decrypts it."""
    try:
        return _open(app)
    except SealBroken as error:
        log.critical("authenticator_app_not_decrypted", user_id=app.user_id)
        raise Misconfigured from error


def reseal_all() -> None:
    """Seal every secret that was not sealed under the first key again.

    Runs in the caller's transaction. Raises Conflict if none of the keys decrypts one.
    """
    apps = select(AuthenticatorApp).execution_options(yield_per=500)
    for app in db.session.scalars(apps):
        if not _sealer().is_current(app.secret_sealed):
            _reseal(app)


def _reseal(app: AuthenticatorApp) -> None:
    try:
        app.secret_sealed = seal_secret(app.user_id, _open(app))
    except SealBroken as error:
        raise Conflict(
            f"none of KEY_ENCRYPTION_KEYS decrypts the authenticator app of {app.user_id}"
        ) from error


def _open(app: AuthenticatorApp) -> bytes:
    return _sealer().open(app.secret_sealed, bound_to=_binding(app.user_id))


def _sealer() -> Sealer:
    return Sealer(current_settings().secrets.key_encryption_keys)


def _binding(user_id: UUID) -> bytes:
    return b"authenticator app " + user_id.bytes
