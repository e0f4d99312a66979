"""One release of authapp, with its own code and its own libraries: this one, or an earlier one."""

import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from authapp import ROOT
from tests.support.servers import AppServer

THREADS: Final = 8
ACCOUNTS: Final = 40

_ADD_ACCOUNTS: Final = f"""
from authapp import create_app
from tests.support.accounts import add_user
app = create_app()
with app.app_context():
    for number in range({ACCOUNTS}):
        add_user(f"user{{number}}@example.org")
"""
"""Run with an earlier release's own code, which knows which columns it has."""


@dataclass(frozen=True)
class Release:
    """The folder of a release's code, the Python that runs it, its settings, and its log."""

    name: str
    root: Path
    python: Path
    environ: dict[str, str]
    log: Path

    def command(self, *words: str) -> None:
        """Run `flask`."""
        self._run("-m", "flask", "--app", "wsgi", *words)

    def add_accounts(self) -> None:
        """Add `user0@example.org` and others, with the password PASSWORD."""
        self._run("-c", _ADD_ACCOUNTS)

    def serve(self, port: int = 0) -> AppServer:
        """Start a server."""
        with self.log.open("ab") as log:
            return AppServer(
                self.environ,
                threads=THREADS,
                port=port,
                log=log,
                root=self.root,
                python=self.python,
            )

    def _run(self, *words: str) -> None:
        environ = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **self.environ}
        done = subprocess.run(
            [self.python, *words],
            cwd=self.root,
            env=environ,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{self.name}: {' '.join(words)}\n{done.stderr}"


def this_one(environ: dict[str, str], log: Path) -> Release:
    """Return the release that is being tested."""
    return Release("this release", ROOT, Path(sys.executable), environ, log)


@contextmanager
def earlier(commit: str, environ: dict[str, str], log: Path) -> Iterator[Release]:
    """Yield the release of a commit; its libraries are installed if they are other versions."""
    with TemporaryDirectory(prefix="authapp-release-") as folder:
        root = Path(folder) / "code"
        root.mkdir()
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x"], cwd=root, input=archive, check=True)
        requirements = root / "requirements.txt"
        is_same = requirements.read_text() == (ROOT / "requirements.txt").read_text()
        python = Path(sys.executable) if is_same else _install(Path(folder) / "venv", requirements)
        yield Release("the last release", root, python, environ, log)


def _install(folder: Path, requirements: Path) -> Path:
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "-r", requirements], check=True)
    return python


def last_release() -> str:
    """Return the newest tag; without tags, the last commit that is a day old, or the first one."""
    for words in (
        ("describe", "--tags", "--abbrev=0"),
        ("rev-list", "--max-count=1", "--before=1 day ago", "HEAD"),
        ("rev-list", "--max-parents=0", "HEAD"),
    ):
        found = subprocess.run(
            ["git", *words], cwd=ROOT, check=False, capture_output=True, text=True
        )
        if found.returncode == 0 and found.stdout.strip():
            return found.stdout.split()[0]
    raise SystemExit("Name the release to upgrade from: FROM=a tag or commit")
