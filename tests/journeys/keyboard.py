"""A visitor who uses only a keyboard."""

from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page

_MOST_PRESSES: Final = 60

# The name by which a screen reader announces the focused element.
_FOCUSED: Final = """() => {
  const e = document.activeElement;
  return e.labels?.[0]?.textContent.trim() ?? e.getAttribute("aria-label") ?? e.textContent.trim();
}"""
_IS_FIELD: Final = "Boolean(document.activeElement.labels?.length)"
_IS_SEEN: Final = """() => {
  const e = document.activeElement, style = getComputedStyle(e), box = e.getBoundingClientRect();
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2
    && box.top >= 0 && box.bottom <= innerHeight + 1;
}"""


@dataclass(frozen=True)
class Keyboard:
    """Reaches every element by Tab, and checks at each step that the focus is visible."""

    page: Page

    def go_to(self, name: str, *, field: bool = False) -> None:
        """Press Tab until the element with this name has the focus, if it does not have it yet."""
        passed: list[str] = []
        for press in range(_MOST_PRESSES):
            if press:
                self.page.keyboard.press("Tab")
            passed.append(self.page.evaluate(_FOCUSED))
            if self.page.evaluate("document.activeElement !== document.body"):
                assert self.page.evaluate(_IS_SEEN), f"the focus on {passed[-1]!r} is not seen"
            if passed[-1] == name and (not field or self.page.evaluate(_IS_FIELD)):
                return
        raise AssertionError(f"Tab does not reach {name!r}, only {passed}")

    def fill(self, label: str, text: str) -> None:
        self.go_to(label, field=True)
        self.page.keyboard.type(text)

    def press(self, name: str) -> None:
        """Go to a link or button, and activate it."""
        self.go_to(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
