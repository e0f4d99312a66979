"""Paths to continue to; they never lead to another site (open redirect)."""

import re
from typing import Final

from flask import current_app, request, url_for
from werkzeug.routing import RoutingException

_LONGEST: Final = 2000
# One slash and then none: browsers read `//host` and `/\host` as another site.
_LOCAL: Final = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def local_path(target: str | None, fallback: str) -> str:
    """Return `target` if it is a path of this site, else `fallback`."""
    if target and len(target) <= _LONGEST and _LOCAL.fullmatch(target) and "\\" not in target:
        return target
    return fallback


def current_page() -> str | None:
    """Return the current request's path and query if a GET can open them, else None."""
    adapter = current_app.create_url_adapter(request)
    try:
        opens = adapter is not None and adapter.test(method="GET")
    except RoutingException:
        opens = False
    if not opens:
        return None
    # Unlike `full_path`, this decodes every byte; a non-ASCII address leads to the home page.
    query = request.query_string.decode("latin-1")
    address = f"{request.path}?{query}" if query else request.path
    return local_path(address, url_for("home.show"))
