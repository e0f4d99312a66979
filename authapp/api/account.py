"""The caller's account."""

from http import HTTPStatus
from uuid import UUID

import msgspec
from flask import Blueprint

from authapp.api.openapi import Time, operation
from authapp.domain.principal import Principal
from authapp.models import Scope
from authapp.services import account as service

blueprint = Blueprint("account", __name__)


class Account(msgspec.Struct):
    """An account; `email_verified_at` and `phone_verified_at` are null until verified.

    `roles` are the names that operators gave to the account.
    """

    id: UUID
    email: str
    email_verified_at: Time | None
    phone: str | None
    phone_verified_at: Time | None
    created_at: Time
    roles: list[str]


@blueprint.get("/me")
@operation(
    returns=(HTTPStatus.OK, Account),
    scope=Scope.ACCOUNT_READ,
    errors=[HTTPStatus.NOT_FOUND],
)
def show(caller: Principal) -> Account:
    """Return the caller's account."""
    found = service.get_account(caller.user_id)
    return Account(
        id=found.id,
        email=found.email,
        email_verified_at=found.email_verified_at,
        phone=found.phone,
        phone_verified_at=found.phone_verified_at,
        created_at=found.created_at,
        roles=found.roles.split(),
    )
