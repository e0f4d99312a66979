"""Checks of every page in every state, in both color schemes, on narrow and wide screens."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page, Response

from tests.journeys.states import STATES, Visit
from tests.support.markup import faults

PAGE_BYTES: Final = 40_000
PAGES: Final = [name for name in STATES if not name.startswith("mail-")]
"""An email has its own styles and runs no script, so axe-core cannot check it."""

MEASURE: Final = """() => new Promise(done => {
  let shift = 0;
  new PerformanceObserver(list => { for (const e of list.getEntries()) shift += e.value; })
    .observe({type: "layout-shift", buffered: true});
  const loaded = ["navigation", "resource"].flatMap(kind => performance.getEntriesByType(kind));
  requestAnimationFrame(() => requestAnimationFrame(() => done({
    bytes: loaded.reduce((sum, entry) => sum + entry.encodedBodySize, 0),
    sheets: [...document.styleSheets].filter(sheet => sheet.href).length,
    fonts: document.fonts.size,
    shift,
  })));
})"""

OVERFLOWS: Final = "() => document.documentElement.scrollWidth > innerWidth"

OUTSIDE: Final = """() => [...document.querySelectorAll("main *")].filter(e => {
  const {left, right, width} = e.getBoundingClientRect();
  return width && !e.closest("[hidden], .skip") && (left < -1 || right > innerWidth + 1);
}).map(e => e.outerHTML.slice(0, 80))"""

FIELDS: Final = """() => [...document.querySelectorAll("main form")].map(form =>
  [...form.querySelectorAll("input:not([type=hidden], [hidden]), select")].map(e => ({
    name: e.name,
    type: e.type,
    autocomplete: e.autocomplete,
    inputmode: e.inputMode,
    enterkeyhint: e.enterKeyHint,
    value: e.value,
    labels: e.labels.length,
    invalid: e.getAttribute("aria-invalid") === "true",
    described: (e.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean)
      .every(id => document.getElementById(id)),
    error: (e.getAttribute("aria-describedby") ?? "").includes(e.id + "-error"),
  })))"""

SUMMARY: Final = """() => {
  const summary = document.querySelector(".summary, .notice");
  return summary && {
    focused: document.activeElement === summary,
    dead: [...summary.querySelectorAll("a")].filter(a => !document.querySelector(a.hash)).length,
  };
}"""

OPEN: Final = "() => document.querySelectorAll('details').forEach(list => { list.open = true; })"

# What browsers accept, and HTML does not.
INVALID: Final = """() => [
  ...[...document.querySelectorAll("time")].map(e => e.dateTime)
    .filter(time => !/^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d([+]00:00|Z)$/.test(time)),
  ...document.querySelectorAll("meter:not([value])"),
  ...[...document.querySelectorAll("[autofocus]")].slice(1).map(e => e.outerHTML),
]"""

# By field name: its type, its autocomplete value, and its input mode.
EXPECTED: Final[dict[str, tuple[str, set[str], str]]] = {
    "email": ("email", {"username", "username webauthn", "email", "off"}, "email"),
    "new_email": ("email", {"email"}, "email"),
    "password": ("password", {"current-password", "new-password"}, ""),
    "current_password": ("password", {"current-password"}, ""),
    "new_password": ("password", {"new-password"}, ""),
    "phone": ("tel", {"tel", "tel-national"}, "tel"),
    "code": ("text", {"one-time-code"}, "numeric"),
    "recovery_code": ("text", {"off"}, ""),
    "name": ("text", {"off"}, ""),
    "expires_at": ("date", {"off"}, ""),
    "search": ("search", {"off"}, ""),
}
REDIRECTS: Final = range(300, 400)
LAST: Final = {"go", "send", "done", "search"}

SCHEMES: Final[dict[Any, dict[str, list[str]]]] = {
    "light": {},
    "dark": {"runOnly": ["color-contrast", "link-in-text-block"]},
}
"""What axe-core checks in each color scheme: only colors differ between them."""

VIOLATIONS: Final = {"resultTypes": ["violations"]}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_small_and_steady(
    live_server: str, new_page: Callable[..., Page], name: str
) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, reduced_motion="reduce")
    loaded: list[Response] = []
    # Playwright takes no built-in method.
    page.on("response", lambda answer: loaded.append(answer))  # noqa: PLW0108
    STATES[name](Visit(page, live_server, "visitor@example.org"))
    page.wait_for_load_state()

    measured, summary = page.evaluate(MEASURE), page.evaluate(SUMMARY)
    forms = page.evaluate(FIELDS)

    assert measured.pop("bytes") < PAGE_BYTES
    assert measured == {"sheets": 1, "fonts": 0, "shift": 0}
    assert page.evaluate(INVALID) == []
    assert faults(source(loaded)) == []
    assert summary in (None, {"focused": True, "dead": 0})
    for fields in forms:
        check_fields(fields)
    for width in (320, 360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert not page.evaluate(OVERFLOWS), f"too wide for {width} px"
    page.set_viewport_size({"width": 360, "height": 740})
    # axe-core takes what is in a closed list for hidden, even if it is not.
    page.evaluate(OPEN)
    assert not page.evaluate(OVERFLOWS)
    page.evaluate(AXE_SCRIPT)
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        found = AxeResults(page.evaluate("options => axe.run(options)", {**VIOLATIONS, **rules}))
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", ["register-done", "account", "delete_account", "freeze_account"])
def test_longest_address_fits_the_narrowest_screen(
    live_server: str, new_page: Callable[..., Page], name: str
) -> None:
    page = new_page(viewport={"width": 320, "height": 740})
    longest = f"{'x' * 64}@{'.'.join(['y' * 61] * 3)}.org"

    STATES[name](Visit(page, live_server, longest))

    page.wait_for_load_state()
    assert not page.evaluate(OVERFLOWS)


def source(loaded: list[Response]) -> str:
    """Return the page as it was sent, before the browser repaired it."""
    return [
        answer
        for answer in loaded
        if answer.request.is_navigation_request() and answer.status not in REDIRECTS
    ][-1].text()


def check_fields(fields: list[dict[str, Any]]) -> None:
    """Check that the fields of one form suit browsers, keyboards and screen readers."""
    for field in fields:
        assert field["labels"] == 1, field
        assert field["described"], field
        assert field["error"] == field["invalid"], field
    typed = [field for field in fields if field["type"] not in ("checkbox", "radio", "select-one")]
    for field in typed:
        type, completions, keyboard = EXPECTED[field["name"]]
        assert field["type"] == type, field
        assert field["autocomplete"] in completions, field
        assert field["inputmode"] == keyboard, field
    for field in typed[:-1]:
        assert field["enterkeyhint"] == "next", field
    for field in typed[-1:]:
        assert field["enterkeyhint"] in LAST, field
    if any(field["invalid"] for field in fields):
        assert all(not field["value"] for field in typed if field["type"] == "password")


@pytest.mark.parametrize(
    "name",
    ["register", "account", "sessions", "api_tokens", "activity", "verify_phone", "second_factors"],
)
def test_page_fits_in_long_words_and_from_right_to_left(
    live_server: str, new_page: Callable[..., Page], name: str
) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    STATES[name](Visit(page, live_server, "visitor@example.org"))

    for language, direction in (("de", "ltr"), ("ar", "rtl")):
        page.goto(f"{live_server}/language?next={urlsplit(page.url).path}")
        page.locator(f"[name=language][value={language}]").click()

        html = page.locator("html")
        assert html.get_attribute("lang") == language
        assert html.get_attribute("dir") == direction
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 740})
            assert not page.evaluate(OVERFLOWS), f"{language}: too wide for {width} px"
            # What is left of a page cannot even be scrolled to.
            assert page.evaluate(OUTSIDE) == [], f"{language}: outside of {width} px"
