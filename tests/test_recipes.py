"""The recipes of CONTRIBUTING.md list exactly the files that their examples are in."""

import re
from collections.abc import Iterator, Set
from dataclasses import fields
from pathlib import Path
from uuid import uuid4

import click
import pytest
from flask import Flask

from authapp import ROOT
from authapp.config import Settings
from authapp.models import VerificationType
from authapp.models.base import table_of
from authapp.models.changes import CachedRow
from authapp.services import download_data, purge
from authapp.token_cache import entries, keys
from authapp.token_cache.records import KINDS, Kind
from tests.journeys.states import STATES

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = dict(re.findall(r"^### (Add .*)\n\n((?:(?!#).*\n)*)", GUIDE, re.MULTILINE))

PATH = re.compile(r"`((?:authapp|docs|migrations|templates|tests)/[\w./<>-]*|requirements\.txt)`")
PLACEHOLDER = re.compile(r"<\w+>")

WITHOUT_STATE = {
    "account_deleted",
    "account_kept",
    "address_exists",
    "data_downloaded",
    "email_restored",
    "phone_changed",
    "phone_removed",
}
"""Emails that have no picture yet: remove them from here, and add none."""

WITHOUT_PAGES = {"brand", "email", "parts", "sms"}


def test_there_is_a_recipe_for_each_common_change() -> None:
    assert list(RECIPES) == [
        "Add a page",
        "Add an API operation",
        "Add a setting",
        "Add an email",
        "Add a command",
        "Add a cached kind",
        "Add a second factor",
    ]


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_file_of_a_recipe_exists(recipe: str) -> None:
    named = {path for path in listed(recipe, RECIPES[recipe]) if "<" not in path}

    assert len(named) > 3
    assert {path for path in named if not (ROOT / path).exists()} == set()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("_ELSEWHERE", "authapp/web/account.py"),
        ("EXPECTED", "tests/journeys/test_pages.py"),
        ("WALKS", "tests/support/walks.py"),
        ("Person", "tests/support/walks.py"),
        ("open_to_all", "tests/api/test_openapi.py"),
        ("faults", "authapp/config/safety.py"),
        ("_flask_config", "authapp/__init__.py"),
        ("Brand", "authapp/web/brand.py"),
        ("SCOPES", "authapp/web/messages.py"),
        ("DESCRIPTIONS", "authapp/web/activity.py"),
        ("OneLineGroup", "authapp/cli/group.py"),
        ("_LISTS", "authapp/token_cache/keys.py"),
        ("ALL_PATTERNS", "authapp/token_cache/keys.py"),
        ("is_active", "authapp/token_cache/records.py"),
        ("TABLES", "authapp/services/download_data.py"),
        ("Factor", "authapp/domain/factors/authentication_methods.py"),
        ("AMR", "authapp/domain/factors/authentication_methods.py"),
    ],
)
def test_every_name_of_a_recipe_is_where_it_says(name: str, file: str) -> None:
    assert re.search(rf"`{name}`", GUIDE)
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text())


@pytest.mark.parametrize(
    ("recipe", "folders"),
    [
        ("Add a page", ["authapp", "templates/download_data", "tests/journeys/states"]),
        ("Add an API operation", ["authapp/api"]),
        ("Add a setting", ["authapp/config", "docs/configuration.md"]),
        ("Add an email", ["templates"]),
        ("Add a command", ["authapp/cli", "authapp/services", "docs/operation.md"]),
    ],
)
def test_an_example_is_in_the_files_of_its_recipe_and_no_others(
    recipe: str, folders: list[str]
) -> None:
    within = tuple(folders)
    steps = {path for path in listed(recipe, steps_of(recipe)) if path.startswith(within)}

    found = {
        path
        for folder in folders
        for path in files_below(folder)
        if mentions(path, example(recipe))
    }

    assert found == {path for path in steps if (ROOT / path).is_file()}


def test_a_cached_kind_is_in_the_files_of_its_recipe_and_no_others() -> None:
    """A list of the kinds is a file that names them all; each is to be extended by a fifth."""
    recipe, optional = "Add a cached kind", RECIPES["Add a cached kind"].split("optional: ")[1]
    names = [r"refresh_tokens?\b|\bRefreshToken|REFRESH_TOKEN",
             r"verification_tokens?\b|\bVerificationToken|VERIFICATION_TOKEN",
             r"(?<!_)\btokens?\(|\bToken\b|\bTOKEN\b|\bTokenOperations"]  # fmt: skip
    lists = {
        path
        for path in files_below("authapp")
        if all(re.search(name, (ROOT / path).read_text()) for name in names)
    }
    own = {path for path in files_below("authapp") if Path(path).stem.startswith(example(recipe))}
    steps = set(listed(recipe, steps_of(recipe))) - {"migrations/versions/"}

    assert lists | own == steps | set(PATH.findall(optional.partition("\n\n")[0]))


def test_each_cached_kind_is_registered_everywhere() -> None:
    models = {table_of(model).name: model for model in CachedRow.__subclasses__()}
    owned = {name: model for name, model in models.items() if "user_id" in table_of(model).c}

    assert set(KINDS) == set(models)
    assert set(purge._MODELS) == set(owned.values())
    assert set(owned.values()) <= set(download_data.TABLES.values())
    for kind in KINDS.values():
        for key in (kind.key(uuid4()), kind.list_key(*owner_of(kind))):
            assert keys.family(key) == kind.name
            assert any(matches(pattern, key) for pattern in keys.ALL_PATTERNS)
            entry = entries.parse(key)
            assert entry is not None
            assert (entry.key, entry.kind) == (key, kind)


def test_each_setting_is_documented_in_the_words_of_the_code() -> None:
    table = (ROOT / "docs" / "configuration.md").read_text()
    documented = {
        name: (unit.strip(), meaning)
        for name, unit, meaning in re.findall(
            r"^\| `([A-Z_]+)` \| .*? \|(.*?) \| (.*) \|$", table, re.MULTILINE
        )
    }

    assert documented == {
        each.metadata["name"]: (each.metadata["unit"], each.metadata["about"])
        for subject in fields(Settings)
        for each in fields(subject.type)  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_operation_is_documented(app: Flask) -> None:
    operations = {
        f"`{method} {rule.rule.removeprefix('/api/v1/').replace('<uuid:id>', '{id}')}`"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    documented = set(re.findall(r"^\| (`[A-Z]+ \S+`) \|", (ROOT / "docs/api.md").read_text(), re.M))

    assert documented == operations


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_each_command_is_documented(app: Flask) -> None:
    commands = {
        f"flask {name} {command}"
        for name, group in app.cli.commands.items()
        if isinstance(group, click.Group) and name != "db"  # Flask-Migrate's
        for command in group.commands
    }
    text = (ROOT / "docs" / "operation.md").read_text()

    assert len(commands) > 20
    assert {each for each in commands if not re.search(rf"^\|.*`{each}\b", text, re.M)} == set()


def test_each_feature_with_pages_has_a_state() -> None:
    features = {path.name for path in (ROOT / "templates").iterdir() if path.is_dir()}
    shown = {name.partition("-")[0] for name in STATES} | {"errors"}

    assert features - shown == WITHOUT_PAGES
    assert any(name.startswith("error-") for name in STATES)


def test_each_email_has_a_state() -> None:
    messages = {path.name for path in (ROOT / "templates" / "email").iterdir() if path.is_dir()}
    shown = {name.removeprefix("mail-").partition("-")[0] for name in STATES if "mail-" in name}

    assert messages - shown == WITHOUT_STATE


def example(recipe: str) -> str:
    found = re.search(r"^Example: `(\w+)`", RECIPES[recipe], re.MULTILINE)
    assert found is not None
    return found[1]


def steps_of(recipe: str) -> str:
    """Return the numbered steps of a recipe."""
    steps = re.findall(r"^\d+\. .*(?:\n   .*)*", RECIPES[recipe], re.MULTILINE)
    return "\n".join(steps)


def listed(recipe: str, text: str) -> Iterator[str]:
    """Yield the paths in a recipe's text, with its example in place of the placeholder."""
    for path in PATH.findall(text):
        yield PLACEHOLDER.sub(example(recipe), path) if "Example: " in RECIPES[recipe] else path


def files_below(folder: str) -> Set[str]:
    """Return the source files in a folder, or the file itself, as paths from the root."""
    root = ROOT / folder
    found = [root] if root.is_file() else root.rglob("*")
    return {
        str(path.relative_to(ROOT))
        for path in found
        if path.is_file() and path.suffix in (".py", ".html", ".txt", ".md")
    }


def mentions(path: str, name: str) -> bool:
    """Return whether a file contains a name as a word, or is named after it."""
    text = (ROOT / path).read_text()
    return name in Path(path).with_suffix("").parts[1:] or bool(re.search(rf"\b{name}\b", text))


def owner_of(kind: Kind) -> tuple[object, ...]:
    values = {"user_id": uuid4(), "type": VerificationType.NOT_ME}
    return tuple(values[column] for column in kind.owner_columns)


def matches(pattern: str, key: str) -> bool:
    return key.startswith(pattern.removesuffix("*"))
