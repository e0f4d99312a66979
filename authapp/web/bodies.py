"""Refuses form bodies that no browser sends: invalid UTF-8, NUL characters, repeated fields."""

from typing import Final

from flask import request

from authapp.http.decoding import MalformedBody, decode_form, decode_utf8, require_unique
from authapp.http.request import SAFE_METHODS

REPEATABLE: Final = frozenset({"scopes"})
"""Fields that may have several values."""

_FORM: Final = "application/x-www-form-urlencoded"


def check() -> None:
    """Raise MalformedBody if no browser would send the current request's form.

    Werkzeug would replace or quote invalid UTF-8, and use the first of several values of a field.
    """
    if request.method in SAFE_METHODS:
        return
    data = request.get_data()
    if request.mimetype == _FORM:
        fields = decode_form(data, repeatable=REPEATABLE)
    else:
        # Scripts send multipart/form-data.
        decode_utf8(data)
        fields = list(request.form.items(multi=True))
        require_unique((name for name, _ in fields), repeatable=REPEATABLE)
    if any("\0" in name or "\0" in value for name, value in fields):
        raise MalformedBody("A field contains a NUL character. Send text without NUL characters.")
