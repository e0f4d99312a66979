"""Guesses in a session: after too many wrong passwords and codes in a row, it ends.

The session may have been stolen, and a thief must not be able to guess forever.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from authapp.config import current_settings
from authapp.domain import activity, security_notices, sessions
from authapp.domain.client import Client
from authapp.domain.factors import remembered_devices
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count
from authapp.domain.sessions import Identity
from authapp.errors import (
    CredentialsRefused,
    InputRefused,
    TokenRevoked,
    TooManyAttempts,
    Unavailable,
)
from authapp.models import Activity, EndReason, RememberedDevice, User, db
from authapp.models.transaction import transaction


@contextmanager
def counted(identity: Identity, refused: Activity, *, client: Client) -> Iterator[None]:
    """Count the guess that is checked inside, and record it as `refused` if it is wrong.

    After LIMIT_CONFIRM_PASSWORD wrong ones in a row, the session ends, which raises TokenRevoked.
    Call this before the transaction, and `forgive` inside it.
    """
    count = count_of(identity)
    try:
        is_last = bool(rate_limits.spend_all([count]))
    except TooManyAttempts as error:
        # All guesses are used, but the session has not ended yet.
        _record(identity, refused, client, is_last=True)
        raise TokenRevoked(EndReason.PASSWORD_GUESSED) from error
    try:
        yield
    except (Unavailable, TooManyAttempts):
        # It was not checked.
        rate_limits.give_back([count])
        raise
    except (CredentialsRefused, InputRefused) as error:
        _record(identity, refused, client, is_last=is_last)
        if is_last:
            raise TokenRevoked(EndReason.PASSWORD_GUESSED) from error
        raise


def forgive(identity: Identity) -> None:
    """Delete the failed guesses in the caller's transaction, after a correct one."""
    rate_limits.forgive(*count_of(identity))


def count_of(identity: Identity) -> Count:
    """Return what guesses in a session count against."""
    most = current_settings().limits.confirm_password
    # Longer than any session: only a correct guess permits more.
    return Count(rate_limits.in_a_row("confirm_password", most), str(identity.session_id))


def _record(identity: Identity, refused: Activity, client: Client, *, is_last: bool) -> None:
    subject = f"confirm {identity.session_id}"
    with transaction():
        activity.note_failure(subject, identity.user_id, refused, client)
        if is_last:
            _end_session(identity, client)


def _end_session(identity: Identity, client: Client) -> None:
    if not sessions.end(identity.session_id, identity.user_id, EndReason.PASSWORD_GUESSED):
        return
    remembered_devices.forget(identity.user_id, RememberedDevice.session_id == identity.session_id)
    activity.note(identity.user_id, Activity.SIGNED_OUT_FOR_GUESSING, client)
    user = db.session.get_one(User, identity.user_id)
    failures = current_settings().limits.confirm_password
    security_notices.send(user, "password_guessed", client=client, failures=failures)
