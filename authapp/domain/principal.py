"""The principal: who a valid token authenticates."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from authapp.models import Scope


class TokenKind(StrEnum):
    """The kinds of token that authenticate someone."""

    ACCESS_TOKEN = "access_token"
    REFRESH_TOKEN = "refresh_token"
    API_TOKEN = "api_token"


@dataclass(frozen=True, eq=False, kw_only=True)
class Principal:
    """Who a valid token authenticates, and through which session or API token.

    `scopes` is None for a session, which may do anything its user may. `roles` are those of the
    session's user, and `client_id` is how the session began; an API token has neither.
    """

    kind: TokenKind
    user_id: UUID
    session_id: UUID | None = None
    token_id: UUID | None = None
    scopes: frozenset[Scope] | None = None
    roles: tuple[str, ...] = ()
    client_id: str | None = None
    auth_time: datetime | None = None
    expires_at: datetime | None
