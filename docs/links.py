"""Adapts the pages for `make docs`: links to code name it, and every decision is in the menu."""

import re
from pathlib import Path
from typing import Any, Final

_PAGES: Final = Path(__file__).parent


def on_config(config: Any, **_: Any) -> Any:
    """List the design decisions, which are numbered files."""
    decisions = sorted(f"adr/{page.name}" for page in (_PAGES / "adr").glob("*.md"))
    config["nav"] = [
        {"Design decisions": decisions} if "Design decisions" in entry else entry
        for entry in config["nav"]
    ]
    return config


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace links to files that the site does not have by their names."""
    levels = page.file.src_uri.count("/") + 1
    outside = re.compile(rf"\[([^\]]+)\]\((?:\.\./){{{levels}}}[^)]*\)")
    return outside.sub(r"`\1`", markdown)
