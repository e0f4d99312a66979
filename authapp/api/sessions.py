"""The caller's sessions."""

from http import HTTPStatus
from uuid import UUID

import msgspec
from flask import Blueprint, Response

from authapp.api.openapi import Time, operation
from authapp.domain import sessions as service
from authapp.domain.devices import device
from authapp.domain.principal import Principal
from authapp.domain.sessions import Identity
from authapp.http.client import client
from authapp.models import Scope
from authapp.services import sign_out
from authapp.token_cache.records import RefreshTokenRecord

blueprint = Blueprint("sessions", __name__, url_prefix="/sessions")


class Session(msgspec.Struct):
    """A session; `program` and `system` are what the device claims in its User-Agent header."""

    id: UUID
    program: str
    system: str
    created_at: Time
    created_address: str
    last_used_at: Time
    last_used_address: str
    expires_at: Time
    is_current: bool


class SessionList(msgspec.Struct):
    """All active sessions: the current one first, then by latest use."""

    sessions: list[Session]


class Ended(msgspec.Struct):
    """How many sessions were ended."""

    ended: int


@blueprint.get("")
@operation(returns=(HTTPStatus.OK, SessionList), scope=Scope.SESSIONS_READ, fresh=True)
def show(caller: Principal) -> SessionList:
    """List the active sessions."""
    current = caller.session_id
    found = service.list_active(caller.user_id, first=current)
    return SessionList([_session(each, is_current=each.id == current) for each in found])


@blueprint.delete("/<uuid:id>")
@operation(
    returns=(HTTPStatus.NO_CONTENT, None),
    scope=Scope.SESSIONS_WRITE,
    fresh=True,
    errors=[HTTPStatus.NOT_FOUND],
)
def end(caller: Principal, id: UUID) -> Response:
    """End a session; all of its tokens are refused from now on."""
    sign_out.sign_out_device(caller.user_id, id, client=client())
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.delete("")
@operation(returns=(HTTPStatus.OK, Ended), scope=Scope.SESSIONS_WRITE, fresh=True)
def end_others(caller: Principal) -> Ended:
    """End every session except the current one; an API token, which has none, ends all of them."""
    if isinstance(caller, Identity):
        return Ended(sign_out.sign_out_others(caller, client=client()))
    return Ended(sign_out.sign_out_everywhere(caller.user_id, client=client()))


def _session(record: RefreshTokenRecord, *, is_current: bool) -> Session:
    kind = device(record.user_agent)
    return Session(
        id=record.id,
        program=kind.program,
        system=kind.system,
        created_at=record.created_at,
        created_address=record.created_address,
        last_used_at=record.last_used_at,
        last_used_address=record.last_used_address,
        expires_at=record.expires_at,
        is_current=is_current,
    )
