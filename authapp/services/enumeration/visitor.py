"""A browser without JavaScript: it keeps cookies and sends forms, and times one request."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from http.cookies import SimpleCookie
from ipaddress import IPv6Address
from random import SystemRandom
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlencode, urljoin, urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Timeout, connection_from_url
from urllib3.exceptions import HTTPError

_TIMEOUT: Final = Timeout(30)
_INPUT: Final = re.compile(r"<input\b[^>]*>")
_ATTRIBUTE: Final = re.compile(r'(name|value|type)="([^"]*)"')
_DOCUMENTATION: Final = int(IPv6Address("2001:db8::"))
_NOT_ANSWERED: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class NotMeasured(Exception):
    """The deployment could not be measured; the message says why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """A response, and how long it took."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    seconds: float


def connect(url: str) -> HTTPConnectionPool:
    """Return a pool whose connections stay open, so that no request waits for a handshake."""
    if not url.startswith(("http://", "https://")):
        raise NotMeasured("the URL must begin with http:// or https://")
    return connection_from_url(url, timeout=_TIMEOUT, retries=False, maxsize=1)


def _random_address() -> str:
    """Return an address in a random network of 2001:db8::/32, which RFC 3849 reserves."""
    return str(IPv6Address(_DOCUMENTATION + (SystemRandom().getrandbits(32) << 64) + 1))


@dataclass
class Visitor:
    """A new browser at an address of its own, if the deployment trusts X-Forwarded-For."""

    pool: HTTPConnectionPool
    url: str
    _cookies: dict[str, str] = field(default_factory=dict)
    _address: str = field(default_factory=_random_address)

    def get(self, path: str) -> Answer:
        """Open a page, and follow redirects."""
        answer = self._send("GET", path)
        while 300 <= answer.status < 400:
            answer = self._send("GET", dict(answer.headers)["location"])
        return answer

    def submit(self, path: str, page: Answer, **fields: str) -> Answer:
        """Send a form of a page, with its hidden fields."""
        body = urlencode({**_hidden(page.body), **fields})
        return self._send("POST", path, body, "application/x-www-form-urlencoded")

    def post_json(self, path: str, body: str) -> Answer:
        """Send JSON, as a program does."""
        return self._send("POST", path, body, "application/json")

    def _send(self, method: str, path: str, body: str | None = None, type: str = "") -> Answer:
        target = urlsplit(urljoin(self.url, path))
        where = target._replace(scheme="", netloc="", fragment="").geturl()
        headers = self._headers(type)
        begun = perf_counter()
        try:
            response = self.pool.urlopen(method, where, body, headers, redirect=False)
        except HTTPError as error:
            raise NotMeasured(f"{self.url} does not answer: {error}") from error
        answer = _as_answer(response, perf_counter() - begun)
        self._keep_cookies(response)
        if answer.status in _NOT_ANSWERED:
            raise NotMeasured(f"{path} was answered with {answer.status}: {_why(answer.status)}")
        return answer

    def _headers(self, type: str) -> Mapping[str, str]:
        headers = {
            "Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items()),
            "Content-Type": type,
            "Sec-Fetch-Site": "same-origin",
            "User-Agent": "authapp-enumeration",
            "X-Forwarded-For": self._address,
        }
        return {name: value for name, value in headers.items() if value}

    def _keep_cookies(self, response: BaseHTTPResponse) -> None:
        for line in response.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value


_LIMITED: Final = (
    "a limit was reached. Measure the application itself, not its proxy, and set TRUSTED_PROXIES to"
    " at least 1: each visitor then counts as a client of its own. Or use fewer rounds."
)
_BUSY: Final = "the deployment is too busy, or cannot reach its database. Try again later."


def _why(status: int) -> str:
    return _BUSY if status == HTTPStatus.SERVICE_UNAVAILABLE else _LIMITED


def _as_answer(response: BaseHTTPResponse, seconds: float) -> Answer:
    headers = [(name.lower(), value) for name, value in response.headers.iteritems()]
    return Answer(response.status, headers, response.data.decode("utf-8", "replace"), seconds)


def _hidden(html: str) -> dict[str, str]:
    inputs: list[dict[str, Any]] = [dict(_ATTRIBUTE.findall(tag)) for tag in _INPUT.findall(html)]
    hidden = {
        each["name"]: unescape(each.get("value", ""))
        for each in inputs
        if each.get("type") == "hidden" and "name" in each
    }
    if not hidden:
        raise NotMeasured("a page has no form; is this the address of authapp?")
    return hidden
