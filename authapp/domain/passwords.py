"""Passwords: rating, replacing and verifying them, and the limit on hashing at the same time."""

import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from authapp import clock
from authapp.config import current_settings
from authapp.domain import activity, api_tokens, one_time_tokens, security_notices
from authapp.domain.breached_passwords import is_breached
from authapp.domain.client import Client
from authapp.domain.factors import lost_factors, remembered_devices
from authapp.errors import InputRefused, Misconfigured, Overloaded
from authapp.models import Activity, RevokeReason, User, VerificationType
from authapp.models.transaction import release_connection
from authapp.security import imported_passwords, passwords
from authapp.security.hashing_queue import HashingQueue, QueueFull
from authapp.security.imported_passwords import HashRefused, SecretMissing, Source
from authapp.security.shared_slots import NoSharedSlot, shared_slot

log = structlog.get_logger(__name__)

_queue: Final = HashingQueue()
_unshared: Final = threading.Event()
"""Whether this process could not use the files of HASHING_FOLDER when it last tried."""

VOIDED_BY_A_NEW_PASSWORD: Final = (
    VerificationType.PASSWORD_RESET,
    VerificationType.EMAIL_CHANGE,
    VerificationType.EMAIL_SIGN_IN,
    VerificationType.KEEP_ACCOUNT,
)


@dataclass(frozen=True)
class Strength:
    """How hard a password is to guess, from 0 to MAX_STRENGTH, and why it is refused, if it is."""

    score: int
    refusal: InputRefused | None


def strength(password: str, *, field: str, context: Sequence[str]) -> Strength:
    """Rate a password that is being typed, by the rule that decides when it is submitted."""
    words = [*context, current_settings().brand.app_name]
    return Strength(passwords.score(password, context=words), _refusal(password, field, words))


def hash_new_password(password: str, *, field: str, context: Sequence[str]) -> str:
    """Return the hash of a new password; raises InputRefused if it is not acceptable.

    Call it before the transaction.
    """
    refusal = _refusal(password, field, [*context, current_settings().brand.app_name])
    if refusal is not None:
        raise refusal
    if is_breached(password):
        raise InputRefused(field, "breached")
    return hash_password(password)


def hash_password(password: str) -> str:
    """Return a password's hash; call it before the transaction. Raises Overloaded."""
    with hashing_slot():
        return passwords.hash_password(password)


def hash_of_no_password() -> str:
    """Return the hash of a password that no one knows, for accounts that have none yet."""
    return hash_password(secrets.token_urlsafe(32))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Check a password; a missing hash takes the same time. Call it before the transaction.

    Raises Overloaded if too many passwords are waiting to be hashed, and Misconfigured if the hash
    was imported, and the secret of the other system is not set.
    """
    with hashing_slot():
        if password_hash is not None and imported_passwords.is_imported(password_hash):
            return _verify_imported(password_hash, password)
        return passwords.verify_password(password_hash, password)


def secrets_of_imports() -> Mapping[Source, str]:
    """Return the secrets of the systems that accounts were imported from."""
    settings = current_settings().imports
    return {
        Source.DEVISE: settings.devise_pepper,
        Source.FLASK_SECURITY: settings.flask_security_salt,
        Source.FIREBASE: settings.firebase_signer_key,
    }


def _verify_imported(password_hash: str, password: str) -> bool:
    first = password[: passwords.MAX_CHARACTERS]
    try:
        is_correct = imported_passwords.verify(password_hash, first, secrets_of_imports())
    except SecretMissing as error:
        log.critical("import_secret_missing", source=str(error.source))
        raise Misconfigured from error
    except HashRefused:
        # Written by someone else, as `to_store` refuses it.
        return False
    return is_correct and first == password


def require_room() -> None:
    """Raise Overloaded if no password can be hashed now; call it before counting an attempt."""
    try:
        _queue.require_room(_slots())
    except QueueFull as error:
        raise Overloaded from error


def queue_lengths() -> tuple[int, int]:
    """Return how many passwords are being hashed, and how many wait, in this process."""
    return _queue.running, _queue.waiting


@contextmanager
def hashing_slot() -> Iterator[None]:
    """Wait for a hashing slot without holding a database connection."""
    release_connection()
    folder = current_settings().deployment.hashing_folder
    try:
        with ExitStack() as stack:
            stack.enter_context(_queue.slot(_slots()))
            if folder:
                _share(stack, Path(folder))
            yield
    except (QueueFull, NoSharedSlot) as error:
        raise Overloaded from error


def _share(stack: ExitStack, folder: Path) -> None:
    """Take a slot of the server; if its files cannot be used, this process's own limit remains."""
    try:
        stack.enter_context(shared_slot(folder, _slots()))
    except OSError as error:
        if not _unshared.is_set():
            _unshared.set()
            log.warning("hashing_not_shared", error=str(error))
    else:
        _unshared.clear()


def _slots() -> int:
    return current_settings().deployment.password_hashers


def replace(
    user: User, password_hash: str, how: Activity, *, revoke_tokens: bool, client: Client
) -> None:
    """Set a new password in the caller's transaction, and notify its owner.

    Links that would change the password or the address, or cancel the account's deletion, are
    revoked: someone who knew the former password may have requested them. `revoke_tokens` revokes
    the API tokens too, which that person may have created. Remembered devices are forgotten.
    """
    user.password_hash = password_hash
    user.password_changed_at = clock.now()
    is_from_email = how is Activity.PASSWORD_RESET
    user.password_from_email_at = user.password_changed_at if is_from_email else None
    # Someone who knew the former password may have started it.
    lost_factors.cancel_and_note(user.id, client)
    for type in VOIDED_BY_A_NEW_PASSWORD:
        one_time_tokens.void(user.id, type)
    remembered_devices.forget(user.id)
    had_tokens = api_tokens.has_active(user.id)
    if revoke_tokens:
        api_tokens.revoke_all(user.id, RevokeReason.PASSWORD_CHANGED)
    activity.note(user.id, how, client)
    security_notices.send(
        user,
        "password_changed",
        client=client,
        had_tokens=had_tokens,
        revoked_tokens=revoke_tokens,
        tokens_link=f"{current_settings().deployment.public_url}/account/tokens",
    )


def _refusal(password: str, field: str, words: Sequence[str]) -> InputRefused | None:
    least = current_settings().accounts.password_min_length
    reason = passwords.weakness(password, least=least, context=words)
    return (
        InputRefused(field, reason, least=least, most=passwords.MAX_CHARACTERS) if reason else None
    )
