"""The sessions of whoever asks."""

from http import HTTPStatus
from uuid import UUID

import msgspec
from flask import Blueprint, Response

from authapp.api.authn import Caller
from authapp.api.openapi import Time, operation
from authapp.http.origin import origin
from authapp.models import Scope
from authapp.services import sessions as service
from authapp.services import sign_out
from authapp.services.devices import device
from authapp.token_cache.records import RefreshTokenRecord

sessions = Blueprint("sessions", __name__, url_prefix="/sessions")


class Session(msgspec.Struct):
    """One sign-in; `program` and `system` are what the device says of itself."""

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
    """All that stand: the one that asks, then by their latest use."""

    sessions: list[Session]


class Ended(msgspec.Struct):
    """How many sessions were ended."""

    ended: int


@sessions.get("")
@operation(gives=(HTTPStatus.OK, SessionList), scope=Scope.SESSIONS_READ, fresh=True)
def show(caller: Caller) -> SessionList:
    """List the sessions that stand."""
    first = caller.session.session_id if caller.session else None
    found = service.list_standing(caller.user_id, first=first)
    return SessionList([_session(each, is_current=each.id == first) for each in found])


@sessions.delete("/<uuid:id>")
@operation(
    gives=(HTTPStatus.NO_CONTENT, None),
    scope=Scope.SESSIONS_WRITE,
    fresh=True,
    refuses=[HTTPStatus.NOT_FOUND],
)
def end(caller: Caller, id: UUID) -> Response:
    """End a session; all of its tokens are refused from now on."""
    sign_out.sign_out_device(caller.user_id, id, origin=origin())
    return Response(status=HTTPStatus.NO_CONTENT)


@sessions.delete("")
@operation(gives=(HTTPStatus.OK, Ended), scope=Scope.SESSIONS_WRITE, fresh=True)
def end_others(caller: Caller) -> Ended:
    """End every session but the one that asks; an API token, which has none, ends them all."""
    if caller.session is None:
        return Ended(sign_out.sign_out_everywhere(caller.user_id, origin=origin()))
    return Ended(sign_out.sign_out_others(caller.session, origin=origin()))


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
