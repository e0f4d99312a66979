"""Reading a request's JSON body as its model says; every field at fault is named at once."""

from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from authapp.http.problems import InputFaulty

B = TypeVar("B", bound="Body")

REFUSALS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
)

_NAME_CHARACTERS: Final = 100


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The root of every body; what it does not know is a mistake of its sender's."""


def read(model: type[B]) -> B:
    """Return the body of the request at hand.

    Raises UnsupportedMediaType unless it is called JSON, BadRequest unless it is JSON, and
    InputFaulty where it is not what the model says.
    """
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    try:
        value = msgspec.json.decode(request.get_data())
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest from error
    if not isinstance(value, dict):
        raise InputFaulty([{"field": "", "code": "not_an_object"}])
    faults = [*_missing(model, value), *_malformed(model, value), *_unknown(model, value)]
    if faults:
        raise InputFaulty(faults)
    return msgspec.convert(value, model)


def _missing(model: type[Body], value: dict[str, Any]) -> list[dict[str, str]]:
    return [
        {"field": field.name, "code": "missing"}
        for field in msgspec.structs.fields(model)
        if field.required and field.name not in value
    ]


def _malformed(model: type[Body], value: dict[str, Any]) -> list[dict[str, str]]:
    faults = []
    for field in msgspec.structs.fields(model):
        if field.name in value:
            try:
                msgspec.convert(value[field.name], field.type)
            except msgspec.ValidationError as error:
                fault = {"field": field.name, "code": "malformed", "detail": str(error)}
                faults.append(fault)
    return faults


def _unknown(model: type[Body], value: dict[str, Any]) -> list[dict[str, str]]:
    names = {field.name for field in msgspec.structs.fields(model)}
    return [
        {"field": name[:_NAME_CHARACTERS], "code": "unknown"} for name in value if name not in names
    ]
