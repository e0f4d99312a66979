"""The errors that the product raises on purpose.

    AuthappError
    ├── ConfigError             a setting is missing, malformed or unsafe
    └── DomainError             a use case said no; web, api and cli say it to the person
        ├── InputRefused        one field's input is not acceptable
        ├── CredentialsRefused  the e-mail address or the password is wrong
        ├── ProofTooOld         the password was entered too long ago for this
        ├── NotFound            no such thing, or not this person's
        ├── NotAllowed          known, but may not do this
        │   ├── AccountDisabled by an operator
        │   ├── AccountFrozen   by its owner, until they choose a new password
        │   ├── AccountClosing  at its owner's wish, until it is deleted
        │   ├── AddressUnverified  not before the e-mail address is verified
        │   └── ScopeMissing    the API token was not given the scope that this takes
        ├── Conflict            the thing is not in a state that allows this
        │   └── LimitReached    there are as many as there may be
        ├── TooManyAttempts     a limit was reached; try again later
        ├── TokenRefused        a token, link or code does not work
        │   ├── TokenInvalid    malformed, forged, unknown or meant for something else
        │   ├── SigningKeyRefused  names a signing key that is not trusted; can be renewed
        │   ├── TokenExpired    too old
        │   ├── TokenUsed       worked once already
        │   └── TokenRevoked    taken back, with the reason
        └── Unavailable         neither the cache nor the database can answer
            └── Overloaded      too many requests are doing this work; try again in a second

Services raise; `web`, `api` and `cli` each turn these into an answer in one place.
"""

from datetime import timedelta
from uuid import UUID


class AuthappError(Exception):
    """The root of this package's errors."""


class ConfigError(AuthappError):
    """Settings that the application refuses to start with; the message has one line for each."""


class DomainError(AuthappError):
    """A use case that was refused."""


class InputRefused(DomainError):
    """One field's input, refused for a reason that its writer can mend.

    `reason` is a stable code (`too_short`, `common`, ...) that the skins word.
    """

    def __init__(self, field: str, reason: str, **details: object) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.details = details


class CredentialsRefused(DomainError):
    """Sign-in refused; never says which half was wrong."""


class ProofTooOld(DomainError):
    """Signed in, but what is asked for takes a password that was entered within `max_age`."""

    def __init__(self, max_age: timedelta) -> None:
        super().__init__(f"the password must have been entered within the last {max_age}")
        self.max_age = max_age


class NotFound(DomainError):
    """The thing does not exist, or is not this person's to see."""


class NotAllowed(DomainError):
    """The caller is known but may not do this."""


class AccountDisabled(NotAllowed):
    """An operator has disabled the account; only an operator enables it."""


class AccountFrozen(NotAllowed):
    """Its owner has frozen the account; a new password, chosen by a mailed link, lifts it."""


class AccountClosing(NotAllowed):
    """Its owner wants the account deleted, and may still change their mind."""

    def __init__(self, user_id: UUID) -> None:
        super().__init__("the account will be deleted")
        self.user_id = user_id


class AddressUnverified(NotAllowed):
    """It takes an account whose e-mail address is verified."""


class ScopeMissing(NotAllowed):
    """The API token was not given the scope that this takes."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this takes the scope {scope}")
        self.scope = scope


class Conflict(DomainError):
    """The thing is not in a state that allows this."""


class LimitReached(Conflict):
    """There are as many as one may have: one must go before another comes."""

    def __init__(self, most: int) -> None:
        super().__init__(f"there may be at most {most}")
        self.most = most


class TooManyAttempts(DomainError):
    """A limit was reached."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"too many attempts; retry after {retry_after}")
        self.retry_after = retry_after


class TokenRefused(DomainError):
    """A token, link or code that does not work; `reason` is a stable code where there is one."""

    reason: str | None = None


class TokenInvalid(TokenRefused):
    """Malformed, forged, unknown, or meant for something else."""


class SigningKeyRefused(TokenRefused):
    """The key that an access token names is not trusted, or no longer; renewing the token helps."""

    def __init__(self) -> None:
        super().__init__("the token's signing key is not trusted: renew the token")


class TokenExpired(TokenRefused):
    """Too old."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class TokenUsed(TokenRefused):
    """A one-use token that was used already."""


class TokenRevoked(TokenRefused):
    """Taken back before it expired; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(DomainError):
    """Nothing that could answer is reachable: an outage, never a refusal."""

    def __init__(self, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__("neither the cache nor the database can answer")
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """As many requests as allowed are doing this work already."""

    def __init__(self) -> None:
        super().__init__(timedelta(seconds=1))
