"""What is wrong with the markup of a page; browsers repair it in silence, each in its own way."""

from html.parser import HTMLParser
from typing import Final

_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "rect", "path", "wbr"})
_ENDS_PARAGRAPH: Final = frozenset(
    {"article", "aside", "details", "div", "dl", "fieldset", "figure", "footer", "form", "h1", "h2",
     "h3", "header", "main", "nav", "ol", "p", "pre", "section", "table", "ul"}
)  # fmt: skip
"""Start tags that end an open paragraph. Source: HTML, 4.4.1, the p element."""


class _Checker(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        self._check(len(names) == len(set(names)), f"<{tag}> has an attribute twice")
        self._check(tag not in _ENDS_PARAGRAPH or "p" not in self.open, f"<{tag}> is in a <p>")
        id = dict(attrs).get("id") or ""
        self._check(id not in self.ids, f'the id "{id}" is there twice')
        self.ids |= {id} - {""}
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        self._check(self.open[-1:] == [tag], f"</{tag}> does not end {self.open[-1:]}")
        if tag in self.open:
            del self.open[len(self.open) - 1 - self.open[::-1].index(tag) :]

    def _check(self, is_right: bool, fault: str) -> None:
        if not is_right:
            self.faults.append(f"line {self.getpos()[0]}: {fault}")


def faults(html: str) -> list[str]:
    """Return what is nested wrongly, not closed or there twice."""
    checker = _Checker()
    checker.feed(html)
    checker.close()
    return checker.faults + [f"<{tag}> is not closed" for tag in checker.open]
