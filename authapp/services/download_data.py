"""Everything that is kept about a person, for them to take along; secrets are left out."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, select

from authapp import clock
from authapp.config import current_settings
from authapp.models import (
    Activity,
    ActivityEvent,
    OutboxMessage,
    RefreshToken,
    Token,
    TokenUse,
    User,
    VerificationToken,
    db,
)
from authapp.models.base import table_of
from authapp.services import activity, notices, standing
from authapp.services.origin import Origin

SECRETS: Final = frozenset({"password_hash", "generation", "body", "html"})
"""Columns that prove something to us, or bear links and codes. So do all that hold bytes."""

TABLES: Final[dict[str, type[Any]]] = {
    "account": User,
    "sessions": RefreshToken,
    "api_tokens": Token,
    "api_token_uses": TokenUse,
    "links_and_codes": VerificationToken,
    "activity": ActivityEvent,
    "messages": OutboxMessage,
}


def download_data(user_id: UUID, *, origin: Origin) -> dict[str, Any]:
    """Return all that is kept about a person as plain values, note it, and mail them so."""
    user = standing.require_standing(user_id)
    activity.note(user_id, Activity.DATA_DOWNLOADED, origin)
    notices.send(user, "data_downloaded", origin=origin)
    db.session.flush()
    collected = {name: _rows(model, user_id) for name, model in TABLES.items()}
    db.session.commit()
    return {
        "from": current_settings().public_url,
        "made_at": clock.now().isoformat(),
        **collected,
        "account": collected["account"][0],
    }


def _rows(model: type[Any], user_id: UUID) -> list[dict[str, Any]]:
    columns = [
        column
        for column in table_of(model).columns
        if column.name not in SECRETS and not isinstance(column.type, LargeBinary)
    ]
    found = select(*columns).where(_belongs_to(model, user_id))
    return [
        {name: _plain(value) for name, value in row._mapping.items()}
        for row in db.session.execute(found)
    ]


def _belongs_to(model: type[Any], user_id: UUID) -> ColumnElement[bool]:
    if model is User:
        return User.id == user_id
    if model is TokenUse:
        return TokenUse.token_id.in_(select(Token.id).where(Token.user_id == user_id))
    owned: ColumnElement[bool] = model.user_id == user_id
    return owned


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
