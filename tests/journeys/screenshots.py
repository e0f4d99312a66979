"""Pictures of every page in every state, for people to look at: `make screenshots`.

Not collected by itself: a picture is no test.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from authapp import ROOT
from tests.journeys.states import STATES, Visit

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", STATES)
def test_take(
    live_server: str, new_page: Callable[..., Page], name: str, width: int, scheme: str
) -> None:
    page = new_page(viewport={"width": width, "height": 740}, color_scheme=scheme)
    STATES[name](Visit(page, live_server, "visitor@example.org"))

    page.screenshot(path=ROOT / "screenshots" / f"{name}-{width}-{scheme}.png", full_page=True)
