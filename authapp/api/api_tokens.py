"""The caller's API tokens."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

import msgspec
from flask import Blueprint, Response

from authapp.api.bodies import Body
from authapp.api.openapi import Time, operation
from authapp.domain.api_token_rules import MAX_OVERLAP, NAME_CHARACTERS, granted_by
from authapp.domain.principal import Principal
from authapp.http.client import client
from authapp.models import Scope
from authapp.services import api_tokens as service
from authapp.services.api_tokens import ListedToken, NewToken

blueprint = Blueprint("tokens", __name__, url_prefix="/tokens")

_MAX_OVERLAP_SECONDS: Final = int(MAX_OVERLAP.total_seconds())

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_CHARACTERS)]
Scopes = Annotated[list[Scope], msgspec.Meta(min_length=1)]
OverlapSeconds = Annotated[int, msgspec.Meta(ge=0, le=_MAX_OVERLAP_SECONDS)]


class NewTokenBody(Body):
    """A token to create; it never expires if `expires_at` is null."""

    name: Name
    scopes: Scopes
    expires_at: Time | None


class NewName(Body):
    """A token's new name."""

    name: Name


class Rotation(Body):
    """How long the old value keeps working alongside the new one."""

    overlap_seconds: OverlapSeconds


class Token(msgspec.Struct):
    """A token without its value; `last_used_at` is accurate to the minute."""

    id: UUID
    name: str
    scopes: list[Scope]
    last_four: str
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    last_used_address: str | None
    is_replaced: bool


class TokenList(msgspec.Struct):
    """All active tokens, oldest first."""

    tokens: list[Token]


class CreatedToken(msgspec.Struct):
    """The value of a new token, which is never shown again."""

    id: UUID
    value: str


@blueprint.get("")
@operation(returns=(HTTPStatus.OK, TokenList), scope=Scope.TOKENS_READ)
def show(caller: Principal) -> TokenList:
    """List the active tokens."""
    return TokenList([_token(each) for each in service.list_tokens(caller.user_id)])


@blueprint.post("")
@operation(
    returns=(HTTPStatus.CREATED, CreatedToken),
    scope=Scope.TOKENS_WRITE,
    fresh=True,
    errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
)
def create(caller: Principal, json: NewTokenBody) -> tuple[CreatedToken, int]:
    """Create a token.

    An API token can only create tokens with its own scopes, or fewer.
    """
    created = service.create(
        caller.user_id,
        name=json.name,
        scopes=json.scopes,
        expires_at=json.expires_at,
        client=client(),
        granted=caller.scopes,
    )
    return _created(created), HTTPStatus.CREATED


@blueprint.patch("/<uuid:id>")
@operation(
    returns=(HTTPStatus.NO_CONTENT, None),
    scope=Scope.TOKENS_WRITE,
    fresh=True,
    errors=[HTTPStatus.NOT_FOUND],
)
def rename(caller: Principal, id: UUID, json: NewName) -> Response:
    """Rename a token."""
    service.rename(caller.user_id, id, json.name)
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.post("/<uuid:id>/rotate")
@operation(
    returns=(HTTPStatus.CREATED, CreatedToken),
    scope=Scope.TOKENS_WRITE,
    fresh=True,
    errors=[HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT],
)
def rotate(caller: Principal, id: UUID, json: Rotation) -> tuple[CreatedToken, int]:
    """Replace a token with one that has the same name, scopes and lifetime."""
    created = service.rotate(
        caller.user_id,
        id,
        overlap=timedelta(seconds=json.overlap_seconds),
        client=client(),
        granted=caller.scopes,
    )
    return _created(created), HTTPStatus.CREATED


@blueprint.delete("/<uuid:id>")
@operation(
    returns=(HTTPStatus.NO_CONTENT, None),
    scope=Scope.TOKENS_WRITE,
    fresh=True,
    errors=[HTTPStatus.NOT_FOUND],
)
def revoke(caller: Principal, id: UUID) -> Response:
    """Revoke a token, effective from its next use."""
    service.revoke(caller.user_id, id, client=client())
    return Response(status=HTTPStatus.NO_CONTENT)


def _token(listed: ListedToken) -> Token:
    record = listed.token
    return Token(
        id=record.id,
        name=record.name,
        scopes=sorted(granted_by(record.scopes)),
        last_four=record.last_four,
        created_at=record.created_at,
        expires_at=record.expires_at,
        last_used_at=listed.last_used_at,
        last_used_address=listed.last_used_address,
        is_replaced=record.replaced_by is not None,
    )


def _created(created: NewToken) -> CreatedToken:
    return CreatedToken(id=created.id, value=created.value)
