"""Adapts the pages for `make docs`: links to code name it, and every page is in the menu."""

import re
from pathlib import Path
from typing import Any, Final

_PAGES: Final = Path(__file__).parent


def on_config(config: Any, **_: Any) -> Any:
    """Complete the menu: with the design decisions, and with pages that it does not mention."""
    decisions = sorted(f"adr/{page.name}" for page in (_PAGES / "adr").glob("*.md"))
    menu = [entry for entry in config["nav"] if "Design decisions" not in entry]
    other = [page.name for page in sorted(_PAGES.glob("*.md")) if page.name not in str(menu)]
    config["nav"] = [*menu, {"Design decisions": decisions}, *other]
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace links to files that the site does not have by their names."""
    levels = page.file.src_uri.count("/") + 1
    outside = re.compile(rf"\[([^\]]+)\]\((?:\.\./){{{levels}}}[^)]*\)")
    return outside.sub(r"`\1`", markdown)
