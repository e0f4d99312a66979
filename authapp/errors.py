"""The errors that authapp raises on purpose.

    AuthappError
    ├── ConfigError             a setting is missing, malformed or unsafe
    └── DomainError             a use case was refused
        ├── InputRefused        the input of one field is not acceptable
        ├── CredentialsRefused  the email address or the password is wrong
        │   └── PasskeyCopied   two devices seem to have the same passkey
        ├── ProofTooOld         the user signed in too long ago for this
        ├── NotFound            does not exist, or belongs to another user
        ├── NotAllowed          authenticated, but not allowed to do this
        │   ├── AccountDisabled by an operator
        │   ├── AccountFrozen   by its owner, until they choose a new password
        │   ├── AccountClosing  by its owner, until it is deleted
        │   ├── SecondFactorRequired  the password was correct; a code is needed too
        │   │   └── EnrollmentRequired  a second factor has to be set up first
        │   └── ScopeMissing    the API token does not have the required scope
        ├── Conflict            the current state does not allow this
        │   └── LimitReached    the maximum number already exists
        ├── TooManyAttempts     a limit was reached; try again later
        │   ├── SignInBlocked   only a password reset, or a known device, helps
        │   └── CodesBlocked    only the link in the email, or another factor, helps
        ├── TokenRefused        a token, link or code does not work
        │   ├── TokenInvalid    malformed, forged, unknown or of another type
        │   ├── SigningKeyRefused  its signing key is not trusted; renewing it helps
        │   ├── TokenExpired    too old
        │   ├── TokenUsed       already used
        │   └── TokenRevoked    revoked, with the reason
        └── Unavailable         neither the cache nor the database can answer
            ├── Overloaded      too many requests are doing this work; try again in a second
            └── Misconfigured   a fault that only an operator can fix

Services raise these; `web`, `api` and `cli` each turn them into a response in one place.
"""

from datetime import timedelta
from uuid import UUID


class AuthappError(Exception):
    """The root of this package's errors."""


class ConfigError(AuthappError):
    """Settings that prevent the application from starting; the message has a line for each."""


class DomainError(AuthappError):
    """A use case that was refused."""


class InputRefused(DomainError):
    """The input of one field, refused for a reason that the user can fix.

    `reason` is a stable code, such as `too_short`, for which `web` and `api` have messages.
    """

    def __init__(self, field: str, reason: str, **details: object) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.details = details


class CredentialsRefused(DomainError):
    """Sign-in refused, without saying whether the address or the password was wrong."""


class PasskeyCopied(CredentialsRefused):
    """A passkey's counter went back: two devices seem to have the same private key."""

    def __init__(self, user_id: UUID, passkey_id: UUID) -> None:
        super().__init__("the passkey's counter went back")
        self.user_id = user_id
        self.passkey_id = passkey_id


class ProofTooOld(DomainError):
    """The user is signed in, but must have confirmed who they are within `max_age`."""

    def __init__(self, max_age: timedelta) -> None:
        super().__init__(f"the user must have confirmed who they are within the last {max_age}")
        self.max_age = max_age


class NotFound(DomainError):
    """It does not exist, or belongs to another user."""


class NotAllowed(DomainError):
    """The caller is authenticated, but not allowed to do this."""


class AccountDisabled(NotAllowed):
    """An operator has disabled the account; only an operator can enable it."""


class AccountFrozen(NotAllowed):
    """The owner has frozen the account; a password reset unfreezes it."""


class AccountClosing(NotAllowed):
    """The owner has closed the account, and can still restore it."""

    def __init__(self, user_id: UUID) -> None:
        super().__init__("the account will be deleted")
        self.user_id = user_id


class SecondFactorRequired(NotAllowed):
    """The password was correct; `pending` and a code complete the sign-in."""

    def __init__(self, pending: str) -> None:
        super().__init__("the account has a second factor")
        self.pending = pending


class EnrollmentRequired(SecondFactorRequired):
    """The password was correct, but the account has no second factor, and needs one.

    `pending` and the first code of a new factor complete the sign-in.
    """


class ScopeMissing(NotAllowed):
    """The API token does not have the required scope."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"this requires the scope {scope}")
        self.scope = scope


class Conflict(DomainError):
    """The current state does not allow this."""


class LimitReached(Conflict):
    """The maximum number already exists."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the maximum is {most}")
        self.most = most


class TooManyAttempts(DomainError):
    """A rate limit was reached; `limit` is its name."""

    def __init__(self, retry_after: timedelta, limit: str = "") -> None:
        super().__init__(f"too many attempts; retry after {retry_after}")
        self.retry_after = retry_after
        self.limit = limit


class SignInBlocked(TooManyAttempts):
    """Too many wrong passwords in a row; waiting does not help, but a password reset does."""


class CodesBlocked(TooManyAttempts):
    """Too many wrong codes in a row; waiting does not help, but the link in the email does."""


class TokenRefused(DomainError):
    """A token, link or code that does not work; `reason` is a stable code where there is one."""

    reason: str | None = None


class TokenInvalid(TokenRefused):
    """Malformed, forged, unknown, or of another type."""


class SigningKeyRefused(TokenRefused):
    """The signing key of an access token is not trusted, or no longer; renewing the token helps."""

    def __init__(self) -> None:
        super().__init__("the token's signing key is not trusted: renew the token")


class TokenExpired(TokenRefused):
    """Too old."""

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class TokenUsed(TokenRefused):
    """A single-use token that was already used."""


class TokenRevoked(TokenRefused):
    """Revoked before it expired; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unavailable(DomainError):
    """Neither the cache nor the database can answer: an outage, not a refusal."""

    def __init__(self, retry_after: timedelta = timedelta(seconds=5)) -> None:
        super().__init__("neither the cache nor the database can answer")
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """The maximum number of requests is already doing this work."""

    def __init__(self) -> None:
        super().__init__(timedelta(seconds=1))


class Misconfigured(Unavailable):
    """A fault in the settings, or a step that an operator left out; it is in the log."""

    def __init__(self) -> None:
        super().__init__(timedelta(minutes=1))
