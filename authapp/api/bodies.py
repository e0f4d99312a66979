"""Reads request bodies: JSON that fits a model, and single parameters of a form."""

from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec
from flask import request
from werkzeug.exceptions import UnsupportedMediaType

from authapp.http.decoding import MalformedBody, decode_form, decode_json
from authapp.http.problems import InputFaulty

B = TypeVar("B", bound="Body")

FORM_REFUSALS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
REFUSALS: Final = (*FORM_REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY)

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_NAME_CHARACTERS: Final = 100


class Body(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The base class of request bodies; unknown fields are refused."""


def read(model: type[B]) -> B:
    """Return the JSON body of the current request.

    Raises UnsupportedMediaType unless its Content-Type is JSON, MalformedBody if it cannot be
    decoded, and InputFaulty, with every faulty field, if it does not fit the model.
    """
    _require_type(_JSON)
    value = decode_json(request.get_data())
    if not isinstance(value, dict):
        raise InputFaulty([{"field": "", "code": "not_an_object"}])
    try:
        return msgspec.convert(value, model)
    except msgspec.ValidationError:
        faults = [*_missing(model, value), *_malformed(model, value), *_unknown(model, value)]
        raise InputFaulty(faults) from None


def read_parameter(name: str) -> str:
    """Return a required parameter of the current request's form.

    Raises UnsupportedMediaType unless its Content-Type is that of a form, and MalformedBody if it
    cannot be decoded, or if the parameter is missing or empty.
    """
    _require_type(_FORM)
    value = dict(decode_form(request.get_data())).get(name)
    if not value:
        # RFC 6749 section 3.2: a parameter without a value is treated as omitted.
        raise MalformedBody(f"The parameter '{name}' is missing. Send it with a value.")
    return value


def _require_type(mimetype: str) -> None:
    if request.mimetype != mimetype:
        raise UnsupportedMediaType(f"Send the body as {mimetype}, and set Content-Type to match.")


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
