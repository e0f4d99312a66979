"""What the documentation names exists: paths, functions, headings and layers."""

import configparser
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import authapp
from authapp import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
COHERENCE = (ROOT / "docs" / "coherence.md").read_text()

FOLDERS = [ROOT / name for name in ("", "docs", "authapp", "authapp/token_cache", "templates")]
"""Where a path in the documentation may begin."""

CREATED_LATER = {"instance/", "dist/", "deploy/.env"}

TICKED = re.compile(r"`([\w-][\w./-]*(?:\.(?:py|md|html|txt|css|js|conf|json|cfg)|/))`")
UNTICKED = re.compile(
    r"(?<![\w/])((?:authapp|deploy|docs|migrations|static|templates|tests)/[\w./-]*\w)(?![\w./<-])"
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    named = {*TICKED.findall(text), *UNTICKED.findall(text)} - CREATED_LATER

    assert [path for path in sorted(named) if not exists(path)] == []


def test_every_link_to_a_heading_leads_to_one() -> None:
    for page in PAGES:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            text = (page.parent / target if target else page).read_text()
            assert anchor in {anchor_of(line) for line in headings(text)}, f"{page.name}: {anchor}"


def test_every_function_that_is_named_exists() -> None:
    packages = "|".join(sorted(layer_of()))
    dotted = set(re.findall(rf"(?<![\w./])((?:{packages})(?:\.\w+)+)(?!\w)", ARCHITECTURE))
    named = {name for name in dotted if not name.endswith(".md")}

    assert len(named) > 10
    assert [name for name in sorted(named) if not leads_somewhere(name)] == []


def test_every_method_that_is_named_exists() -> None:
    methods = set(re.findall(r"`([A-Z]\w+)\.(\w+)`", ARCHITECTURE + COHERENCE))
    classes = {name: each for module in modules() for name, each in vars(module).items()}

    assert len(methods) > 4
    assert {pair for pair in methods if not hasattr(classes.get(pair[0]), pair[1])} == set()


def test_the_diagram_shows_each_layer_above_those_that_it_imports() -> None:
    layers = layer_of()
    arrows = list(arrows_of(diagram("Layers")))

    assert {package for arrow in arrows for package in arrow} == set(layers)
    assert [(a, b) for a, b in arrows if layers[b] != layers[a] + 1] == []
    assert {a for a, _ in arrows} == {p for p in layers if layers[p] < max(layers.values())}


def test_ten_files_are_listed_to_read_first() -> None:
    files = re.findall(r"^\d+\. `(\S+)` ", section("Ten files to read first"), re.MULTILINE)

    assert len(files) == len(set(files)) == 10
    assert all((ROOT / file).is_file() for file in files)


def test_decisions_are_numbered_without_gaps() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))

    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for number, page in enumerate(pages, 1):
        assert page.read_text().startswith(f"# {number}. "), page.name


def test_each_page_spells_email_in_one_way() -> None:
    assert [page.name for page in PAGES if re.search(r"e-mail", page.read_text(), re.I)] == []


def exists(path: str) -> bool:
    return any((folder / path).exists() for folder in FOLDERS)


def headings(text: str) -> Iterator[str]:
    return (line.lstrip("#").strip() for line in re.findall(r"^#+ .+", text, re.MULTILINE))


def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def section(heading: str) -> str:
    """Return the text of a section of docs/architecture.md."""
    return ARCHITECTURE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def diagram(heading: str) -> str:
    found = re.search(r"```mermaid\n(.*?)```", section(heading), re.DOTALL)
    assert found is not None
    return found[1]


def arrows_of(drawn: str) -> Iterator[tuple[str, str]]:
    """Yield each arrow of a flowchart, as the ids of its two nodes."""
    for line in re.sub(r"\[[^\]]*\]", "", drawn).splitlines():
        chain = [[node.strip() for node in part.split("&")] for part in line.split("-->")]
        for sources, targets in pairwise(chain):
            yield from ((a, b) for a in sources for b in targets)


def layer_of() -> dict[str, int]:
    """Return the packages of import-linter's contract, each with the number of its layer."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["importlinter:contract:layers"]["layers"].split("\n")
    return {
        package: number
        for number, line in enumerate(filter(None, lines))
        for package in re.findall(r"authapp\.(\w+)", line)
    }


def leads_somewhere(dotted: str) -> bool:
    """Return whether a dotted name below authapp leads to a module or to something in one."""
    found: object = authapp
    for name in dotted.split("."):
        if isinstance(found, ModuleType) and not hasattr(found, name):
            return False
        found = getattr(found, name, None)
    return found is not None


def modules() -> list[ModuleType]:
    names = [each.name for each in pkgutil.walk_packages(authapp.__path__, "authapp.")]
    return [module for module in map(import_module, names) if inspect.ismodule(module)]


def test_every_test_that_is_named_exists() -> None:
    named = {
        each
        for page in PAGES
        for each in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text())
    }

    assert len(named) > 30
    missing = {f"{path}::{name}" for path, name in named if not has_test(path, name)}
    assert missing == set()


def has_test(path: str, name: str) -> bool:
    return f"\ndef {name}(" in (ROOT / path).read_text()
