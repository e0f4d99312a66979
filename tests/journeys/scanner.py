"""What a mail scanner does with a link: it opens it in every way, presses every button, goes on."""

from contextlib import suppress
from typing import Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page

ELSEWHERE: Final = {"X-Forwarded-For": "198.51.100.7"}
"""The scanner's own address, to a server that trusts one proxy."""

_MOST_PAGES: Final = 30
_WAYS: Final = (
    ("HEAD", {}),
    ("GET", {}),
    ("GET", {"Sec-Purpose": "prefetch"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"}),
    ("POST", {}),
)


def scan(browser: Browser, url: str) -> set[str]:
    """Fetch a link, then open it in a browser of the scanner's own, and all that it leads to.

    On every page it presses every button; it types nothing. Returns the addresses of the pages.
    """
    for method, headers in _WAYS:
        _fetch(Request(url, method=method, headers={**headers, **ELSEWHERE}))
    context = browser.new_context(extra_http_headers=ELSEWHERE)
    page = context.new_page()
    waiting, seen = [url], set[str]()
    while waiting and len(seen) < _MOST_PAGES:
        address = waiting.pop(0)
        if address not in seen:
            seen.add(address)
            waiting += _press_all(page, address)
    context.close()
    return seen


def _fetch(request: Request) -> None:
    with suppress(HTTPError):
        urlopen(request).close()


def _press_all(page: Page, address: str) -> list[str]:
    """Press every button of a page, those that leave the link alone included; return where to."""
    page.goto(address)
    reached = [page.url, *_links(page)]
    for number in range(page.get_by_role("button").count()):
        page.goto(address)
        page.get_by_role("button").nth(number).click()
        page.wait_for_load_state()
        reached += [page.url, *_links(page)]
    return reached


def _links(page: Page) -> list[str]:
    """Return where the links of a page lead, but not to what only development shows."""
    links = page.evaluate("[...document.links].map(link => link.href)")
    here = urlsplit(page.url).netloc
    return [
        link.partition("#")[0]
        for link in links
        if urlsplit(link).netloc == here and "/dev/" not in link
    ]
