"""What a cache read returns: one frozen record per model, and how each kind is cached."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, or_, select

from authapp import clock
from authapp.models import JWTKey, KeyState, RefreshToken, Token, VerificationToken
from authapp.models.base import table_of
from authapp.token_cache import keys

CACHE_DURATION_TOKEN: Final = timedelta(hours=1)
CACHE_DURATION_JWT_KEY: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """The committed state of an API token."""

    id: UUID
    user_id: UUID
    name: str
    scopes: str
    digest: bytes
    last_four: str
    created_at: datetime
    expires_at: datetime | None
    replaced_by: UUID | None
    revoked_at: datetime | None
    revoke_reason: str | None


@dataclass(frozen=True, slots=True)
class VerificationTokenRecord:
    """The committed state of a link or code."""

    id: UUID
    user_id: UUID
    type: str
    target: str
    digest: bytes
    browser_digest: bytes | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class RefreshTokenRecord:
    """The committed state of a session."""

    id: UUID
    user_id: UUID
    generation: int
    rotated_at: datetime
    remember: bool
    auth_time: datetime
    created_at: datetime
    created_address: str
    last_used_at: datetime
    last_used_address: str
    user_agent: str
    expires_at: datetime
    absolute_expires_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    # Entries that an earlier release cached do not have these.
    amr: str = "pwd"
    roles: str = ""
    client_id: str = "web"


@dataclass(frozen=True, slots=True)
class JWTKeyRecord:
    """The committed state of a signing key; its private half is read by the signer only."""

    id: UUID
    kid: str
    algorithm: str
    state: str
    public_jwk: str
    created_at: datetime
    activated_at: datetime | None
    retired_at: datetime | None
    revoked_at: datetime | None
    expires_at: datetime | None


Record = TokenRecord | VerificationTokenRecord | RefreshTokenRecord | JWTKeyRecord
R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Kind(Generic[R]):
    """One kind of cached row: its table, keys and cache duration, and which rows its list holds."""

    name: str
    record: type[R]
    table: Table
    duration: timedelta
    key: Callable[[UUID], str]
    list_key: Callable[..., str]
    listed: Callable[[datetime], ColumnElement[bool]]
    owner_columns: tuple[str, ...]

    def from_row(self, row: Sequence[Any]) -> R:
        """Return the record of a row that has the values of `columns`, in that order."""
        return self.record(*row)

    def columns(self) -> list[ColumnElement[Any]]:
        return [self.table.c[field.name] for field in fields(self.record)]

    def selecting(self, ids: Collection[UUID]) -> tuple[Select[Any], dict[str, Any]]:
        """Return the statement that reads the rows with these ids, and its parameters.

        SQLAlchemy takes longer to build a statement than to run it, so both are built once.
        """
        if len(ids) == 1:
            return self._one_row, {"id": next(iter(ids))}
        return self._rows, {"ids": list(ids)}

    @cached_property
    def _one_row(self) -> Select[Any]:
        return select(*self.columns()).where(self.table.c.id == bindparam("id"))

    @cached_property
    def _rows(self) -> Select[Any]:
        return select(*self.columns()).where(self.table.c.id.in_(bindparam("ids", expanding=True)))


def is_unexpired(record: Record) -> bool:
    """Return whether a record has not expired; it may still have been revoked."""
    return record.expires_at is None or record.expires_at > clock.now()


def is_active(record: Record) -> bool:
    """Return whether a record has not expired and was not used, ended or revoked."""
    if isinstance(record, VerificationTokenRecord):
        has_ended = record.used_at is not None or record.revoked_at is not None
    elif isinstance(record, RefreshTokenRecord):
        has_ended = record.ended_at is not None
    else:
        has_ended = record.revoked_at is not None
    return is_unexpired(record) and not has_ended


def time_to_live(kind: Kind[R], record: R) -> timedelta:
    """Return the kind's cache duration or the record's remaining time, whichever is shorter."""
    if record.expires_at is None:
        return kind.duration
    return min(kind.duration, record.expires_at - clock.now())


_tokens = table_of(Token).c
_verification_tokens = table_of(VerificationToken).c
_refresh_tokens = table_of(RefreshToken).c
_jwt_keys = table_of(JWTKey).c

TOKEN: Final = Kind(
    "token",
    TokenRecord,
    table_of(Token),
    CACHE_DURATION_TOKEN,
    keys.token,
    keys.tokens,
    lambda now: and_(
        _tokens.revoked_at.is_(None),
        or_(_tokens.expires_at.is_(None), _tokens.expires_at > now),
    ),
    Token.owner_columns,
)
VERIFICATION_TOKEN: Final = Kind(
    "verification_token",
    VerificationTokenRecord,
    table_of(VerificationToken),
    CACHE_DURATION_TOKEN,
    keys.verification_token,
    keys.verification_tokens,
    lambda now: and_(
        _verification_tokens.used_at.is_(None),
        _verification_tokens.revoked_at.is_(None),
        _verification_tokens.expires_at > now,
    ),
    VerificationToken.owner_columns,
)
REFRESH_TOKEN: Final = Kind(
    "refresh_token",
    RefreshTokenRecord,
    table_of(RefreshToken),
    CACHE_DURATION_TOKEN,
    keys.refresh_token,
    keys.refresh_tokens,
    lambda now: and_(_refresh_tokens.ended_at.is_(None), _refresh_tokens.expires_at > now),
    RefreshToken.owner_columns,
)
JWT_KEY: Final = Kind(
    "jwt_key",
    JWTKeyRecord,
    table_of(JWTKey),
    CACHE_DURATION_JWT_KEY,
    keys.jwt_key,
    keys.jwt_keys,
    lambda now: and_(
        _jwt_keys.state != KeyState.REVOKED,
        or_(_jwt_keys.expires_at.is_(None), _jwt_keys.expires_at > now),
    ),
    JWTKey.owner_columns,
)

KINDS: Final[dict[str, Kind[Any]]] = {
    kind.table.name: kind for kind in (TOKEN, VERIFICATION_TOKEN, REFRESH_TOKEN, JWT_KEY)
}

_KINDS_BY_RECORD: Final = {kind.record: kind for kind in KINDS.values()}


def kind_of(record: Record) -> Kind[Any]:
    """Return a record's kind."""
    return _KINDS_BY_RECORD[type(record)]
