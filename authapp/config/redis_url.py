"""Reading REDIS_URL: one server, Sentinels that know the primary, or the nodes of a cluster.

    redis://[user:password@]host[:port][/number][?options]         unix:///path[?options]
    redis+sentinel://[user:password@]host[:port],.../name[?options]
    redis+cluster://[user:password@]host[:port],...[?options]

With `rediss` instead of `redis`, every connection uses TLS. Options are `db`, `client_name`,
redis-py's `ssl_...`, and `sentinel_username` and `sentinel_password` if Sentinels require them.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from redis.connection import ConnectionPool, parse_url
from redis.exceptions import RedisError

from authapp.config.readers import Refused

_SHAPE: Final = re.compile(
    r"(?P<scheme>rediss?)(?:\+(?P<form>sentinel|cluster))?://"
    r"(?P<user>[^/?#@]*@)?(?P<hosts>[^/?#@]*)(?:/(?P<path>[^/?#]*))?(?P<query>\?[^#]*)?"
)
_HOST: Final = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_OPTIONS: Final = re.compile(r"db|client_name|ssl_[a-z_]+|sentinel_(username|password)")
_PORTS: Final = {"": 6379, "cluster": 6379, "sentinel": 26379}


class Form(StrEnum):
    """How the primary is found."""

    SERVER = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True)
class RedisURL:
    """A parsed REDIS_URL.

    With Sentinels, `hosts` are the Sentinels, and `primary` is their name for the primary.
    `options` and `sentinel_options` are passed to redis-py, and contain secrets.
    """

    form: Form
    hosts: tuple[tuple[str, int], ...]
    primary: str = ""
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    sentinel_options: dict[str, Any] = field(default_factory=dict, repr=False)


def redis(raw: str) -> RedisURL | None:
    """Read a REDIS_URL; None if it is empty. Errors do not repeat the URL: it contains secrets."""
    if not raw:
        return None
    if raw.startswith("unix://"):
        return RedisURL(Form.SERVER, (), options=_checked(_socket(raw)))
    parts = _SHAPE.fullmatch(raw)
    if parts is None:
        raise Refused("must look like redis://host:6379/0; docs/configuration.md has other forms")
    form, path = Form(parts["form"] or ""), parts["path"] or ""
    hosts = tuple(_host(host, form) for host in parts["hosts"].split(","))
    options = _options(f"{parts['scheme']}://{parts['user'] or ''}host{parts['query'] or ''}")
    options.pop("host")
    sentinel_options = {
        name: options.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in options
    }
    if form is Form.SERVER:
        options["db"] = _database(path, options, hosts)
    elif form is Form.CLUSTER and (path or "db" in options):
        raise Refused("selects a database, which a cluster does not support")
    elif form is Form.SENTINEL and not path:
        raise Refused("must end with the primary's name, as in redis+sentinel://host:26379/name")
    return RedisURL(form, hosts, path, _checked(options), sentinel_options)


def _host(text: str, form: Form) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None or int(match["port"] or 1) not in range(1, 65_536):
        raise Refused("has a host that does not have the form host or host:port")
    return match["name"].strip("[]"), int(match["port"] or _PORTS[form])


def _database(path: str, options: dict[str, Any], hosts: tuple[tuple[str, int], ...]) -> int:
    if len(hosts) != 1:
        raise Refused("has several hosts: use redis+sentinel:// or redis+cluster://")
    if not re.fullmatch(r"[0-9]{0,4}", path):
        raise Refused("must end with a database number, as in redis://host:6379/0")
    return int(path or options.get("db", 0))


def _socket(url: str) -> dict[str, Any]:
    options = _options(url)
    if "path" not in options:
        raise Refused("has no socket path: use unix:///path")
    return options


def _options(url: str) -> dict[str, Any]:
    for name in parse_qs(urlsplit(url).query):
        if not _OPTIONS.fullmatch(name):
            raise Refused(f"has an unknown option: {name!a}")
    try:
        return dict(parse_url(url))
    except ValueError as error:
        raise Refused(f"is not valid: {error}") from None


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """Check that redis-py accepts the options, without connecting, and return them."""
    try:
        ConnectionPool(**options).make_connection()
    except (TypeError, ValueError, RedisError) as error:
        why = str(error).partition(") ")[2] or str(error)
        raise Refused(f"has options that redis-py does not accept: {why}") from None
    return options
