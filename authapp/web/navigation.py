"""Addresses to continue to; they never lead to another site (open redirect)."""

import re
from typing import Final
from urllib.parse import quote

from flask import current_app, request, url_for
from werkzeug.routing import RoutingException

_LONGEST: Final = 2000
# One slash and then none: browsers read `//host` and `/\host` as another site.
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")

_VERBATIM: Final = b"from="
_UNRESERVED_IN_PATHS: Final = "/!$&'()*+,:;=@~"
"""RFC 3986 section 3.3, in addition to letters, digits and what `quote` never encodes."""


def local_path(target: str | None, fallback: str) -> str:
    """Return `target` if it is a path of this site, else `fallback`."""
    if target and len(target) <= _LONGEST and _LOCAL.fullmatch(target) and "\\" not in target:
        return target
    return fallback


def check_query() -> None:
    """Refuse a query that cannot be decoded, which an error page could not; raises BadRequest.

    An address that a proxy passed on may have any bytes.
    """
    if not request.query_string.startswith(_VERBATIM):
        _ = request.args


def next_page(fallback: str) -> str:
    """Return the address that the query asks to continue to, byte for byte.

    It is the parameter `next`, encoded like any other. Proxies that cannot encode an address start
    the query with `from=` instead: all that follows is the address as the browser requested it.
    """
    if request.query_string.startswith(_VERBATIM):
        verbatim = request.query_string.removeprefix(_VERBATIM)
        return local_path(verbatim.decode("latin-1"), fallback)
    return local_path(request.args.get("next"), fallback)


def requested_page() -> str | None:
    """Return the address that the query asks to continue to, or None."""
    return next_page("") or None


def page_after_sign_in() -> str:
    """Return the address that the query asks to continue to, or that of the account."""
    return next_page(url_for("account.show"))


def page_without_secret() -> str | None:
    """Return the current page's path and query, unless its path could have a link's secret."""
    return None if request.view_args else current_page()


def current_page() -> str | None:
    """Return the current request's path and query if a GET can open them, else None."""
    if not can_open(request.path):
        return None
    path = quote(request.path, safe=_UNRESERVED_IN_PATHS)
    # Unlike `full_path`, this decodes every byte; a non-ASCII query leads to the home page.
    query = request.query_string.decode("latin-1")
    return local_path(f"{path}?{query}" if query else path, url_for("home.show"))


def can_open(path: str) -> bool:
    """Return whether there is a page at a path of this site."""
    adapter = current_app.create_url_adapter(request)
    try:
        return adapter is not None and adapter.test(path, method="GET")
    except RoutingException:
        return False
