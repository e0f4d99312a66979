"""Exporting all data that is stored about a user, without secrets."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, and_, select

from authapp import clock
from authapp.config import current_settings
from authapp.domain import account_status, activity, security_notices
from authapp.domain.client import Client
from authapp.models import (
    Activity,
    ActivityEvent,
    AuthenticatorApp,
    LostFactor,
    OutboxMessage,
    Passkey,
    RecoveryCode,
    RefreshToken,
    RememberedDevice,
    Token,
    TokenUse,
    User,
    VerificationRequest,
    VerificationToken,
    db,
)
from authapp.models.base import table_of
from authapp.models.transaction import transaction

SECRETS: Final = frozenset({"password_hash", "generation", "lender_position"})
"""Columns with hashes, parts of tokens or what hides accounts; binary ones are left out too."""

TABLES: Final[dict[str, type[Any]]] = {
    "account": User,
    "sessions": RefreshToken,
    "api_tokens": Token,
    "api_token_uses": TokenUse,
    "links_and_codes": VerificationToken,
    "authenticator_app": AuthenticatorApp,
    "recovery_codes": RecoveryCode,
    "lost_second_factor": LostFactor,
    "remembered_devices": RememberedDevice,
    "passkeys": Passkey,
    "verification_requests": VerificationRequest,
    "activity": ActivityEvent,
    "messages": OutboxMessage,
}


def download_data(user_id: UUID, *, client: Client) -> dict[str, Any]:
    """Return everything stored about a user as plain values, and notify them by email."""
    with transaction():
        user = account_status.require_active(user_id)
        activity.note(user_id, Activity.DATA_DOWNLOADED, client)
        security_notices.send(user, "data_downloaded", client=client)
        db.session.flush()
        collected = {name: _rows(model, user_id) for name, model in TABLES.items()}
    return {
        "from": current_settings().deployment.public_url,
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
    if model is OutboxMessage:
        # Whether there is one shows whether another account owns the address that the user wants.
        return and_(owned, OutboxMessage.message != "change_email")
    return owned


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
