"""On whose behalf a program asks: by the `Authorization` header alone, never by a cookie."""

from dataclasses import dataclass
from uuid import UUID

from werkzeug.exceptions import Unauthorized

from authapp.config import current_settings
from authapp.errors import ProofTooOld, ScopeMissing
from authapp.http.credentials import bearer
from authapp.http.origin import origin
from authapp.models import Scope
from authapp.services import api_tokens, sessions
from authapp.services.api_tokens import TokenIdentity
from authapp.services.confirm_password import is_fresh
from authapp.services.sessions import Identity


@dataclass(frozen=True)
class Caller:
    """Who asks: a person's session by its access token, or an API token with its scopes."""

    user_id: UUID
    session: Identity | None = None
    token: TokenIdentity | None = None

    @property
    def scopes(self) -> frozenset[Scope] | None:
        """What the caller may do; None for a session, which may do whatever its person may."""
        return self.token.scopes if self.token else None


def require_caller(scope: Scope | None = None, *, fresh: bool = False) -> Caller:
    """Return who asks.

    Raises Unauthorized where no token was sent, TokenRefused for one that does not work,
    ScopeMissing for an API token without the scope, and, where a `fresh` sign-in is needed,
    ProofTooOld for a session whose password was entered long ago.
    """
    value = bearer()
    if value is None:
        raise Unauthorized
    caller = _authenticated(value)
    if scope is not None and caller.scopes is not None and scope not in caller.scopes:
        raise ScopeMissing(scope)
    if fresh and caller.session is not None and not is_fresh(caller.session):
        raise ProofTooOld(current_settings().password_freshness)
    return caller


def require_token(scope: Scope) -> TokenIdentity:
    """Return the API token that asks; no session may, for this is for programs."""
    caller = require_caller(scope)
    if caller.token is None:
        raise ScopeMissing(scope)
    return caller.token


def _authenticated(value: str) -> Caller:
    if api_tokens.is_one(value):
        token = api_tokens.authenticate(value, origin=origin())
        return Caller(token.user_id, token=token)
    session = sessions.authenticate(value)
    return Caller(session.user_id, session=session)
