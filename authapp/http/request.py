"""Flask's request, except that a query that cannot be decoded gets 400 instead of 500."""

from typing import Final

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest
from werkzeug.utils import cached_property

SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing (RFC 9110 section 9.2.1)."""


class StrictRequest(Request):
    """A request whose `args` raise BadRequest if the query has raw bytes that are not UTF-8."""

    @cached_property
    def args(self) -> MultiDict[str, str]:
        """The parameters of the query."""
        try:
            return super().args
        except UnicodeDecodeError as error:
            raise BadRequest("Percent-encode the query of the address as UTF-8.") from error
