"""The documentation as a site: every page is in its menu, and no link is broken."""

import shutil
import subprocess
import sys
from pathlib import Path

from authapp import ROOT


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / ".mkdocs.yml", tmp_path / ".mkdocs.yml")
    mkdocs = Path(sys.executable).parent / "mkdocs"

    done = subprocess.run(
        [mkdocs, "build", "--strict", "--config-file", ".mkdocs.yml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    pages = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    built = {
        str(page.relative_to(tmp_path / "site")) for page in (tmp_path / "site").rglob("*.html")
    }
    assert {page.replace("README", "index").replace(".md", ".html") for page in pages} <= built
