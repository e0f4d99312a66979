"""On whose behalf a program asks: by the `Authorization` header alone, never by a cookie."""

from werkzeug.exceptions import Unauthorized

from authapp.config import current_settings
from authapp.domain.principal import Principal, TokenKind
from authapp.domain.sessions import Identity
from authapp.errors import ProofTooOld, ScopeMissing
from authapp.http.client import client_address
from authapp.http.credentials import bearer
from authapp.models import Scope
from authapp.services import introspection
from authapp.services.confirm_password import is_fresh


def require_caller(scope: Scope | None = None, *, fresh: bool = False) -> Principal:
    """Return the principal of the token in the `Authorization` header.

    Raises Unauthorized if no token was sent, TokenRefused for one that does not work, ScopeMissing
    for an API token without the scope, and, if a `fresh` sign-in is needed, ProofTooOld for a
    session whose password was entered too long ago.
    """
    value = bearer()
    if value is None:
        raise Unauthorized
    caller = introspection.authenticate(value, address=client_address())
    if scope is not None and caller.scopes is not None and scope not in caller.scopes:
        raise ScopeMissing(scope)
    if fresh and isinstance(caller, Identity) and not is_fresh(caller):
        raise ProofTooOld(current_settings().accounts.password_freshness)
    return caller


def require_token(scope: Scope) -> Principal:
    """Return the principal of an API token with a scope; a session's token is refused."""
    caller = require_caller(scope)
    if caller.kind is not TokenKind.API_TOKEN:
        raise ScopeMissing(scope)
    return caller
