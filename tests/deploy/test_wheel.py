"""A wheel has every file that the application needs, and runs from another folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from authapp import ROOT
from tests.support.applications import settings

INSIDE = ("templates", "static", "migrations")
"""Folders that are beside the package in a checkout, and inside it in a wheel."""

SOURCES = ("authapp", "deploy", *INSIDE)
OTHERS = ("pyproject.toml", "setup.cfg", "setup.py", "README.md", "LICENSE", "requirements.txt")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built from a copy because setuptools writes into the folder that it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in (*OTHERS, "wsgi.py"):
        shutil.copy(ROOT / name, copy / name)
    build = "from setuptools import build_meta; build_meta.build_wheel('..')"
    subprocess.run([sys.executable, "-c", build], cwd=copy, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_it_has_every_file_of_the_application_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}

    assert packed == {"wsgi.py", *(_place(file) for name in SOURCES for file in _files(name))}


def _files(name: str) -> list[Path]:
    return [
        path.relative_to(ROOT)
        for path in (ROOT / name).rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and not (name == "deploy" and path.suffix != ".py")
    ]


def _place(file: Path) -> str:
    return f"authapp/{file}" if file.parts[0] in INSIDE else str(file)


def test_it_requires_the_versions_that_were_tested(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(next(n for n in archive.namelist() if n.endswith("/METADATA")))
    required = [
        line.removeprefix("Requires-Dist: ")
        for line in metadata.decode().splitlines()
        if line.startswith("Requires-Dist: ")
    ]

    pinned = (ROOT / "requirements.txt").read_text().splitlines()
    assert required == [line for line in pinned if line and not line.startswith("#")]


def test_it_installs_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        file = next(name for name in archive.namelist() if name.endswith("/entry_points.txt"))
        installed = archive.read(file).decode()

    assert "authapp = authapp.cli.console:main" in installed


PROGRAM = """
from authapp import FILES
from wsgi import app
client = app.test_client()
pages = [client.get(path) for path in ("/login", "/static/app.css", "/healthz")]
assert [page.status_code for page in pages] == [200, 200, 200], pages
assert "Anmelden" in client.get("/login", headers={"Accept-Language": "de"}).text
print(FILES)
"""


def test_it_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(installed),
        "FLASK_APP": "wsgi",
        **settings(f"sqlite:///{tmp_path}/authapp.db", ""),
    }

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environ, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("-m", "flask", "db", "upgrade")
    # What the command `authapp` of the wheel calls.
    run("-m", "authapp.cli.console", "keys", "ensure")

    assert run("-c", PROGRAM).strip() == str(installed / "authapp")
