"""A mail scanner: opens a link in every way, clicks every button, and follows what it finds."""

from contextlib import suppress
from typing import Final
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page

ELSEWHERE: Final = {"X-Forwarded-For": "198.51.100.7"}
"""The scanner's IP address, as seen by a server that trusts one proxy."""

_WAYS: Final = (
    ("HEAD", {}),
    ("GET", {}),
    ("GET", {"Sec-Purpose": "prefetch"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"}),
    ("POST", {}),
)

_LINKS: Final = "[...document.links].map(link => link.href)"

_SEND_FORMS: Final = """async (address) => {
  const read = async (answer) => {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const resolve = (url) => new URL(url ?? "", answer.url).href;
    const links = [...page.links].map((link) => resolve(link.getAttribute("href")));
    return { page, resolve, reached: [answer.url, ...links] };
  };
  const { page, resolve, reached } = await read(await fetch(address));
  for (const button of page.querySelectorAll("button:not([type=button]), input[type=submit]")) {
    const form = button.form;
    const action = button.getAttribute("formaction") ?? form.getAttribute("action");
    const body = new URLSearchParams(new FormData(form, button));
    const answer = await fetch(resolve(action), { method: "POST", body });
    reached.push(...(await read(answer)).reached);
  }
  return reached;
}"""
"""Opens a page and sends its forms, once for each button, without showing or running anything."""


class Scanner:
    """Scans links, each in a separate browser context. It types nothing.

    It clicks the buttons of every page that belongs to a link. The other pages, such as the one
    to sign in, are the same for all links. It clicks their buttons for the first link, and for
    the others sends their forms: their cookies may differ, but not their scripts.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._clicked = set[str]()

    def scan(self, url: str) -> set[str]:
        """Fetch a link, then open it and all pages it leads to; return their URLs."""
        for method, headers in _WAYS:
            _fetch(Request(url, method=method, headers={**headers, **ELSEWHERE}))
        context = self._browser.new_context(extra_http_headers=ELSEWHERE)
        page = context.new_page()
        waiting, seen = [url], set[str]()
        while waiting:
            address = waiting.pop(0)
            if address not in seen:
                seen.add(address)
                reached = _of_server(url, self._press_all(page, address, url))
                waiting += map(_without_next, reached)
        context.close()
        return seen

    def _press_all(self, page: Page, address: str, link: str) -> list[str]:
        """Press every button on a page, harmless ones included; return the URLs reached."""
        if address in self._clicked and not _belongs(address, link):
            return list(page.evaluate(_SEND_FORMS, address))
        self._clicked.add(address)
        return _click_all(page, address)


def _fetch(request: Request) -> None:
    with suppress(HTTPError):
        urlopen(request).close()


def _click_all(page: Page, address: str) -> list[str]:
    page.goto(address)
    reached = [page.url, *page.evaluate(_LINKS)]
    for number in range(page.get_by_role("button").count()):
        # For the first button, the page is open already.
        if number > 0:
            page.goto(address)
        page.get_by_role("button").nth(number).click()
        page.wait_for_load_state()
        reached += [page.url, *page.evaluate(_LINKS)]
    return reached


def _belongs(address: str, link: str) -> bool:
    """Return whether a page is that of the link, or of a flow that it started."""
    page, path = urlsplit(address), urlsplit(link).path
    return page.path == path or page.path.startswith(f"{path}/") or "flow=" in page.query


def _without_next(url: str) -> str:
    """Return a URL without the page to continue to: a page has many, but the same buttons."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name != "next"]
    return parts._replace(query=urlencode(query), fragment="").geturl()


def _of_server(link: str, urls: list[str]) -> list[str]:
    """Keep the URLs on the server of the link, except development-only pages."""
    here = urlsplit(link).netloc
    return [url for url in urls if urlsplit(url).netloc == here and "/dev/" not in url]
