"""A user downloads all data stored about them as a file."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.journeys.states import Visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.mark.parametrize("script", [True, False])
def test_file_is_downloaded(live_server: str, new_page: Callable[..., Page], script: bool) -> None:
    visit = Visit(new_page(java_script_enabled=script), live_server, "visitor@example.org")
    visit.verify()
    visit.open_section("Download your data")

    with visit.page.expect_download() as download:
        visit.page.get_by_role("button", name="Download data").click()

    assert download.value.suggested_filename == "my-data.json"
    data = json.loads(Path(download.value.path()).read_text())
    assert data["account"]["email"] == visit.email
