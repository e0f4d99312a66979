"""Limits on guesses at passwords, which must not reveal whether an account exists.

Unknown browsers share the limits of the account that they try, whether or not it exists, of their
network, and of the password: trying one password on many accounts is an attack, too. A browser in
which the user has signed in before has its own limits and no others, so that no one else's guesses
can lock the user out of it. Guesses at a former password do not count.
Source: ASVS 5.0, 6.3.1; NIST SP 800-63B-4, section 3.2.2.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from authapp import clock
from authapp.config import current_settings
from authapp.domain import known_devices
from authapp.domain.client import Client
from authapp.domain.email_addresses import MAX_CHARACTERS, email_key, key_of
from authapp.domain.limits import rate_limits
from authapp.domain.limits.rate_limits import Count, Limit
from authapp.domain.limits.trusted_networks import unless_trusted
from authapp.errors import SignInBlocked, TooManyAttempts
from authapp.models import SignInBlock, db
from authapp.security.derivation import derive_key
from authapp.security.passwords import recognizable_part

_IN_A_ROW: Final = "sign_in_in_a_row"
_MANY: Final = 1000
_NO_ACCOUNT: Final = UUID(int=0)


@dataclass(frozen=True, kw_only=True)
class Guess:
    """A password that someone enters for an address, and the address's account, if there is one."""

    email: str
    password: str
    device: str
    client: Client
    user_id: UUID | None
    password_changed_at: datetime | None

    @property
    def target(self) -> str:
        """What unknown browsers guess at; all spellings of an address are one target."""
        if self.user_id is not None and self.password_changed_at is not None:
            return f"{self.user_id} {self.password_changed_at.timestamp()}"
        return key_of(self.email) or email_key(self.email.strip()[: MAX_CHARACTERS + 1])


@dataclass(frozen=True)
class Attempt:
    """What an attempt counts against: limits of the browser, and limits shared by accounts.

    All unknown browsers together have the limits of one. With `uses_up`, the browser may not try
    again.
    """

    own: tuple[Count, Count]
    shared: tuple[Count, ...]
    of_strangers: Count
    uses_up: bool

    @property
    def subject(self) -> str:
        """Whose failures these are."""
        return self.own[0].subject


def spend(guess: Guess) -> Attempt:
    """Count an attempt; call it before the password is checked, so that concurrent ones count.

    Raises TooManyAttempts or SignInBlocked, with the same message and timing whether or not the
    address has an account.
    """
    target, subject = guess.target, guess.target
    is_known = known_devices.knows(guess.device, guess.user_id or _NO_ACCOUNT)
    if is_known:
        subject = f"{target} in {known_devices.name_of(guess.device)}"
    own = Count(current_settings().limits.sign_in, subject), Count(_in_a_row(), subject)
    shared = () if is_known else _shared(guess)
    try:
        used_up = rate_limits.spend_all([*own, *shared])
    except TooManyAttempts as refusal:
        if refusal.limit == _IN_A_ROW:
            raise SignInBlocked(refusal.retry_after, refusal.limit) from refusal
        raise
    return Attempt(own, shared, Count(_in_a_row(), target), uses_up=_IN_A_ROW in used_up)


def accept(attempt: Attempt) -> None:
    """Stop counting an attempt against limits shared by accounts: its password is correct.

    Call it before `transaction()`.
    """
    rate_limits.give_back(attempt.shared)


def forgive(attempt: Attempt) -> None:
    """Delete the browser's failures after a sign-in, in the caller's transaction.

    Signing in on a known device also unblocks unknown browsers.
    """
    for count in attempt.own:
        rate_limits.forgive(*count)
    rate_limits.reopen(*attempt.of_strangers)


def tell_of_block(guess: Guess) -> None:
    """Queue an email to the owner of the address, if there is one, in the caller's transaction."""
    address = key_of(guess.email)
    if address is not None:
        db.session.add(
            SignInBlock(
                email=address, address=guess.client.address, user_agent=guess.client.user_agent
            )
        )


def _in_a_row() -> Limit:
    return rate_limits.in_a_row(_IN_A_ROW, current_settings().limits.sign_in_in_a_row)


def _shared(guess: Guess) -> tuple[Count, ...]:
    limits, client = current_settings().limits, guess.client
    return (
        *unless_trusted(
            client,
            Count(limits.sign_in_by_client, client.network),
            Count(limits.sign_in_by_site, client.site),
        ),
        *_by_password(guess),
        Count(limits.sign_in_overall, "all"),
    )


def _by_password(guess: Guess) -> tuple[Count, ...]:
    """Return what counts the accounts for which one wrong password is tried.

    A client that repeats it for the same account counts once. Neither these counts nor their keys
    reveal a password: they contain 16 bits of its digest, under a key that changes daily.
    """
    limit = current_settings().limits.sign_in_by_password
    purpose = f"tried passwords {clock.now().date()}"
    key = derive_key(current_settings().secrets.secret_key, purpose)
    part = recognizable_part(guess.password, key).hex()
    repeated = Limit("sign_in_repeated", _MANY, within=_MANY * limit.within)
    pair = Count(repeated, f"{part} {guess.target} {guess.client.network}")
    return () if rate_limits.is_used(*pair) else (pair, Count(limit, part))
