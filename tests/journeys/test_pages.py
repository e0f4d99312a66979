"""What must hold on every page in every state: nothing axe-core objects to, small, and steady."""

from collections.abc import Callable
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.journeys.states import STATES, Visit

PAGE_BYTES: Final = 40_000
PAGES: Final = [name for name in STATES if not name.startswith("mail-")]
"""A mail shows its own styles and runs no script: axe-core cannot look at it."""

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
    overflows: document.documentElement.scrollWidth > innerWidth,
  })));
})"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_small_and_steady(
    live_server: str, new_page: Callable[..., Page], name: str, scheme: str
) -> None:
    page = new_page(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    STATES[name](Visit(page, live_server, "visitor@example.org"))

    measured = page.evaluate(MEASURE)
    found = Axe().run(page)

    assert measured.pop("bytes") < PAGE_BYTES
    assert measured == {"sheets": 1, "fonts": 0, "shift": 0, "overflows": False}
    assert found.violations_count == 0, found.generate_report()
