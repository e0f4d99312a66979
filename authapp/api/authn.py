"""Authenticates programs by the `Authorization` header alone, never by a cookie."""

from werkzeug.exceptions import Unauthorized

from authapp.config import current_settings
from authapp.domain.principal import Principal, TokenKind
from authapp.domain.sessions import Identity
from authapp.errors import ProofTooOld, ScopeMissing
from authapp.http.client import client_address
from authapp.http.credentials import bearer
from authapp.models import Scope
from authapp.services import introspection
from authapp.services.step_up import is_fresh


def require_caller(scope: Scope | None = None, *, fresh: bool = False) -> Principal:
    """Return the principal of the token in the `Authorization` header.

    Raises Unauthorized if no token was sent, TokenRefused if it is not valid, ScopeMissing for an
    API token without the scope, and, if `fresh`, ProofTooOld for a session whose user
    signed in or confirmed too long ago (RFC 9470).
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
    """Return the principal of an API token with the scope; refuse a session's token."""
    caller = require_caller(scope)
    if caller.kind is not TokenKind.API_TOKEN:
        raise ScopeMissing(scope)
    return caller
