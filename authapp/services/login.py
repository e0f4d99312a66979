"""Signing in with an email address and a password."""

from authapp import metrics
from authapp.domain import activity, credentials, passwords, sign_ins, signing_keys
from authapp.domain.account_status import require_active
from authapp.domain.credentials import Credentials
from authapp.domain.factors import remembered_devices
from authapp.domain.limits import rate_limits, sign_in_limits
from authapp.domain.limits.sign_in_limits import Attempt, Guess
from authapp.domain.sessions import SignedIn
from authapp.domain.sign_ins import SignInDevice
from authapp.errors import CredentialsRefused, NotAllowed, NotFound
from authapp.models import Activity, User
from authapp.models.transaction import transaction
from authapp.security.passwords import needs_rehash


@metrics.outcomes(metrics.SIGN_INS)
def sign_in(email: str, password: str, *, remember: bool, device: SignInDevice) -> SignedIn:
    """Start a session and end the one that it replaces.

    Raises CredentialsRefused for a wrong password, an unknown address and a disabled account alike,
    after the same time (ASVS 6.3.8); AccountFrozen and AccountClosing only if the password is
    correct; SecondFactorRequired, with what `login_code.complete_sign_in` needs, unless the user
    had the device remembered; TooManyAttempts; and Overloaded and Misconfigured, which do not count
    as attempts.
    """
    passwords.require_room()
    signer = signing_keys.signer()
    found = credentials.find(email)
    guess = Guess(
        email=email,
        password=password,
        device=device.cookie,
        client=device.client,
        user_id=found.user_id,
        password_changed_at=found.password_changed_at,
    )
    attempt = sign_in_limits.spend(guess)
    try:
        new_hash = _verify(found, password, attempt)
        with transaction():
            user = _require_unchanged(found)
            user.password_hash = new_hash
            sign_in_limits.forgive(attempt)
            known = remembered_devices.find(user.id, device.remembered)
            begun = sign_ins.begin_if_complete(
                user, remember=remember, device=device, remembered=known
            )
    except (CredentialsRefused, NotAllowed, NotFound):
        _note_refusal(guess, attempt)
        raise
    return sign_ins.finish(begun, signer)


def _verify(found: Credentials, password: str, attempt: Attempt) -> str:
    """Return the hash to store from now on; raises CredentialsRefused for a wrong password."""
    with rate_limits.unless_unavailable([*attempt.own, *attempt.shared]):
        is_correct = passwords.verify_password(found.hash_to_check, password)
        if not is_correct or found.password_hash is None:
            raise CredentialsRefused("the address or the password is wrong")
        new_hash = found.password_hash
        if needs_rehash(new_hash, password):
            new_hash = passwords.hash_password(password)
    sign_in_limits.accept(attempt)
    return new_hash


def _require_unchanged(found: Credentials) -> User:
    """Lock the account; it may have been closed, or its password changed, in the meantime.

    Another sign-in may have replaced the hash of the same password, which changes nothing.
    """
    if found.user_id is None:
        raise CredentialsRefused("the address has no account")
    user = require_active(found.user_id)
    if user.password_changed_at != found.password_changed_at:
        raise CredentialsRefused("the password was changed in the meantime")
    return user


def _note_refusal(guess: Guess, attempt: Attempt) -> None:
    """Record a failure; for unknown addresses too, so that the refusal takes the same time."""
    subject = f"sign-in {attempt.subject}"
    with transaction():
        activity.note_failure(subject, guess.user_id, Activity.SIGN_IN_REFUSED, guess.client)
        if attempt.uses_up:
            sign_in_limits.tell_of_block(guess)
