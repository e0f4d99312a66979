"""Checking `Host` headers: a request with an invalid one gets 400.

Any valid host is accepted, because links are built from PUBLIC_URL.
"""

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOST: Final = re.compile(
    r"""
    (?: (?: [\w~!$&'()*+,;=%-]{1,63} \. )* [\w~!$&'()*+,;=%-]{1,57} \.?  # Docker sends underscores.
      | \[ [0-9a-f:]{2,39} (?: \. [0-9]{1,3} ){0,3} \]
    )?
    (?: : [0-9]{0,5} )?
    """,
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
"""RFC 3986 section 3.2.2, with labels that Werkzeug can encode; HTTP/1.0 needs no host at all."""

REPLACED: Final = "authapp.host_replaced"
_STAND_IN: Final = "localhost"


def replace(environ: "WSGIEnvironment") -> None:
    """Replace an invalid host, with which Flask could not build the links of an error page."""
    environ["HTTP_HOST"] = _STAND_IN
    environ[REPLACED] = True
