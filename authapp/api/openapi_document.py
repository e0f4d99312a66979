"""The OpenAPI document: what spectree collected, with servers, ways in, errors and examples."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import msgspec
from spectree import Tag

from authapp.api.examples import EXAMPLES
from authapp.api.openapi import BEARER, BROWSER, METRICS, TAGS, response_name, tree
from authapp.http import problem_types
from authapp.http.problem_types import ProblemType
from authapp.http.problems import TYPES

_ABOUT: Final = """\
What other programs can ask an authapp server.

Errors are problem documents (RFC 9457): rely on `status` and `type`. Besides the errors that an \
operation lists, each request can be refused as malformed (400, 405, 408, 413, 414, 431), and \
fail with 500."""

_FORM: Final = "application/x-www-form-urlencoded"

_WAITING: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_HEADERS: Final[dict[HTTPStatus, dict[str, Any]]] = {
    HTTPStatus.UNAUTHORIZED: {
        "WWW-Authenticate": {
            "description": "How to authenticate, and what was wrong (RFC 6750).",
            "schema": {"type": "string"},
        }
    },
    **{
        status: {
            "Retry-After": {
                "description": "Seconds to wait.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
            }
        }
        for status in _WAITING
    },
}

_SCHEMES: Final = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "description": "A session's access token, or an API token with the listed scope.",
    },
    BROWSER: {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-access_token",
        "description": "The cookies of a signed-in browser, which a proxy passes on.",
    },
    METRICS: {
        "type": "http",
        "scheme": "bearer",
        "description": "One of METRICS_TOKENS.",
    },
}


class Fault(msgspec.Struct, omit_defaults=True):
    """What is wrong with one field: `code` is stable, and limits such as `most` are added."""

    field: str
    code: str
    detail: str = ""


class Problem(msgspec.Struct, omit_defaults=True):
    """An error (RFC 9457): `type` is stable; `title` and `detail` are for people.

    `reason` says why a session ended, `errors` which fields are wrong, and `pending` is sent with
    the code of a second factor.
    """

    type: str
    title: str
    status: int
    detail: str
    reason: str = ""
    errors: list[Fault] = []
    pending: str = ""


_ADDED: Final[dict[str, dict[str, Any]]] = {
    "second-factor-required": {"pending": "eyJ1c2VyIjoi..."},
    "second-factor-enrollment-required": {"pending": "eyJ1c2VyIjoi..."},
    "token-revoked": {"reason": "signed_out"},
    "input-refused": {"errors": [Fault("email", "missing")]},
}
"""Members that the examples of some types have."""


def document(server: str) -> dict[str, Any]:
    """Return the document of a server with this address, in the order of paths."""
    spec = tree.spec
    components = spec["components"]
    return {
        "openapi": spec["openapi"],
        "info": {**spec["info"], "description": _ABOUT},
        "servers": [{"url": server}],
        "tags": [tag.to_dict(exclude_none=True) for tag in _tags()],
        "paths": {path: _methods(methods) for path, methods in sorted(spec["paths"].items())},
        "components": {
            "schemas": dict(_schemas(components["schemas"])),
            "responses": {response_name(status): _problems(status) for status in _refusals()},
            "securitySchemes": _SCHEMES,
        },
    }


def _tags() -> list[Tag]:
    return list({tag.name: tag for tag in TAGS.values()}.values())


def _methods(methods: dict[str, Any]) -> dict[str, Any]:
    """Return the operations of a path; spectree knows only one encoding of forms."""
    for operation in methods.values():
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            content[_FORM] = content.pop("multipart/form-data")
    return dict(sorted(methods.items()))


def _schemas(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the schemas by name, each with an example if there is one."""
    _, own = msgspec.json.schema_components([Problem], ref_template="#/components/schemas/{name}")
    examples = {type(each).__name__: msgspec.to_builtins(each) for each in EXAMPLES}
    for name, schema in sorted({**found, **own}.items()):
        yield name, {**schema, "examples": [examples[name]]} if name in examples else schema


def _refusals() -> list[HTTPStatus]:
    """Return every status that an operation refers to."""
    named = {
        told["$ref"].rpartition("/")[2]
        for methods in tree.spec["paths"].values()
        for operation in methods.values()
        for told in operation["responses"].values()
        if "$ref" in told
    }
    return sorted(status for status in HTTPStatus if response_name(status) in named)


def _problems(status: HTTPStatus) -> dict[str, Any]:
    """Return what operations that refuse with a status refer to, with an example of each type."""
    headers = _HEADERS.get(status, {})
    return {
        "description": status.phrase,
        "headers": {name: {**about, "required": True} for name, about in headers.items()},
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    kind.type: {"value": msgspec.to_builtins(_example(kind))}
                    for kind in problem_types.with_status(status)
                },
            }
        },
    }


def _example(kind: ProblemType) -> Problem:
    added = _ADDED.get(kind.type, {})
    return Problem(f"{TYPES}{kind.type}", kind.title, kind.status.value, kind.detail, **added)
