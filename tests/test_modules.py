"""Rules for module names and for imports in tests."""

import ast
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import authapp

TESTS = Path(__file__).parent


def test_no_package_hides_a_module() -> None:
    names = [found.name for found in pkgutil.walk_packages(authapp.__path__, "authapp.")]

    modules = {name: import_module(name) for name in names}

    assert len(modules) > 150
    for name, module in modules.items():
        package, _, attribute = name.rpartition(".")
        assert getattr(import_module(package), attribute) is module, name


def test_nested_module_is_found_by_its_dotted_name() -> None:
    import authapp.token_cache.coherence.reader as reader  # noqa: PLC0415, PLR0402

    assert reader is import_module("authapp.token_cache.coherence.reader")


def test_no_test_imports_another_test_module_or_conftest() -> None:
    files = list(TESTS.rglob("*.py"))

    wrong = {
        f"{file.relative_to(TESTS)} imports {name}"
        for file in files
        for name in imported_names(file)
        if may_not_be_imported(name)
    }

    assert len(files) > 100
    assert wrong == set()


def may_not_be_imported(name: str) -> bool:
    package, *parts = name.split(".")
    return package == "tests" and any(
        part == "conftest" or part.startswith("test_") for part in parts
    )


def imported_names(file: Path) -> Iterator[str]:
    """Yield the dotted name of every module, and name from a module, that a file imports."""
    package = ("tests", *file.relative_to(TESTS).parent.parts)
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
