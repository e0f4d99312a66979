"""Screenshots of every page in every state, for people to review: `make screenshots`.

Not collected by default, because a screenshot checks nothing.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from authapp import ROOT
from tests.journeys.states import STATES, Visit
from tests.support.on_sqlite import on_sqlite
from tests.support.screens import LOOKS, WIDTHS

pytestmark = on_sqlite


@pytest.mark.parametrize("name", STATES)
def test_take(live_server: str, new_page: Callable[..., Page], name: str) -> None:
    page = new_page(viewport={"width": 360, "height": 740})
    STATES[name](Visit(page, live_server, "visitor@example.org"))

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 740})
        for look, media in LOOKS.items():
            page.emulate_media(**media)
            picture = ROOT / "screenshots" / f"{name}-{width}-{look}.png"
            page.screenshot(path=picture, full_page=True, animations="disabled")
