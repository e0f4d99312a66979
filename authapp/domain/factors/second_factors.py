"""Second factors of an account, of every kind: whether it has one, checking codes, and removal.

`authenticator_apps`, `recovery_codes` and `passkeys`, next to this module, check one kind each.

Guesses count per account, in the database. Only someone who entered the account's password can
make them, and a recovery code is accepted even when guesses at the app's codes have run out.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from sqlalchemy import Exists, delete, exists, or_, select

from authapp.config import OFF, REQUIRED, current_settings
from authapp.domain.factors import authenticator_apps, recovery_codes, remembered_devices
from authapp.domain.factors.authenticator_apps import AppCode
from authapp.domain.factors.recovery_codes import UnusedCode
from authapp.domain.limits import code_guesses
from authapp.errors import InputRefused
from authapp.models import AuthenticatorApp, Passkey, User, db
from authapp.security.recovery_codes import read as read_recovery_code

CorrectCode = AppCode | UnusedCode
"""A code that was checked, which `claim` uses up."""

_MOST_TYPED: Final = 100


def is_offered() -> bool:
    """Return whether users may set up a second factor; those that they have stay active."""
    return current_settings().accounts.second_factor != OFF


def is_required(roles: Collection[str]) -> bool:
    """Return whether an account with these roles needs a second factor to sign in."""
    accounts = current_settings().accounts
    return accounts.second_factor == REQUIRED or any(
        role in accounts.second_factor_roles for role in roles
    )


def is_required_of(user_id: UUID) -> bool:
    """Return whether an account needs a second factor, according to the caller's transaction."""
    if is_required(()) or not current_settings().accounts.second_factor_roles:
        return is_required(())
    user = db.session.get(User, user_id)
    return user is not None and is_required(user.roles.split())


def is_enrolled(user_id: UUID) -> bool:
    """Return whether sign-in asks for a second factor after the password.

    A passkey counts, or a stolen password would be enough without it. So does a disabled one.
    """
    return _has_app_or(exists().where(Passkey.user_id == user_id), user_id)


def check(user_id: UUID, typed: str) -> CorrectCode:
    """Check a code before the transaction that claims it; hashing a recovery code is slow.

    Raises InputRefused for a wrong or used code, and TooManyAttempts; and Overloaded and
    Misconfigured, which do not count as guesses.
    """
    recovery_code = read_recovery_code(typed)
    if recovery_code is not None:
        return recovery_codes.check(user_id, recovery_code)
    if any(character.isalpha() for character in typed[:_MOST_TYPED]):
        raise InputRefused("code", "not_a_recovery_code")
    return authenticator_apps.check(user_id, authenticator_apps.read_code(typed))


def claim(code: CorrectCode) -> None:
    """Use up a code in the caller's transaction, and delete the failed guesses.

    Raises InputRefused if another request used it first, or replaced its app.
    """
    if isinstance(code, AppCode):
        authenticator_apps.claim(code)
    else:
        recovery_codes.claim(code)
    user_id = code.user_id
    code_guesses.forgive([*code_guesses.at_app(user_id), *code_guesses.at_recovery_code(user_id)])


def remove_app(user_id: UUID) -> bool:
    """Remove the app in the caller's transaction; return whether it was in use."""
    remembered_devices.forget(user_id)
    removed = delete(AuthenticatorApp).where(AuthenticatorApp.user_id == user_id)
    found = db.session.scalar(removed.returning(AuthenticatorApp.confirmed_at))
    remove_useless(user_id)
    return found is not None


def remove_all(user_id: UUID) -> bool:
    """Remove every second factor in the caller's transaction; return whether there was one."""
    passkeys = delete(Passkey).where(Passkey.user_id == user_id).returning(Passkey.id)
    had_passkey = bool(db.session.scalars(passkeys).all())
    return remove_app(user_id) or had_passkey


def remove_useless(user_id: UUID) -> None:
    """Remove disabled passkeys and the recovery codes if no factor is left that works.

    For an owner who removed the last one: sign-in would ask for what no longer exists.
    """
    usable = exists().where(Passkey.user_id == user_id, Passkey.reported_at.is_(None))
    if not _has_app_or(usable, user_id):
        db.session.execute(delete(Passkey).where(Passkey.user_id == user_id))
        recovery_codes.replace(user_id, [])


def _has_app_or(has_passkey: Exists, user_id: UUID) -> bool:
    has_app = exists().where(
        AuthenticatorApp.user_id == user_id, AuthenticatorApp.confirmed_at.is_not(None)
    )
    return bool(db.session.scalar(select(or_(has_app, has_passkey))))
