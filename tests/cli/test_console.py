"""The command `authapp`, from a folder in which there is nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from authapp import ROOT
from authapp.models import User


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """The command that `make` creates, in a folder of its own instead of .venv/bin."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python"
    # A link would not know the packages that are installed beside its target.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    variables = [f"BIN={tmp_path}/bin", f"VENV={tmp_path}"]
    subprocess.run(
        ["make", "-C", ROOT, *variables, f"{tmp_path}/bin/authapp"], check=True, capture_output=True
    )
    return tmp_path / "bin" / "authapp"


def run(
    launcher: Path, environ: dict[str, str], *arguments: str
) -> subprocess.CompletedProcess[str]:
    (nowhere := launcher.parent / "nowhere").mkdir(exist_ok=True)
    # Coverage and the like belong to the tests.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [launcher, *arguments],
        cwd=nowhere,
        env={**inherited, **environ},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_it_runs_the_commands_from_any_folder(
    launcher: Path, environ: dict[str, str], user: User
) -> None:
    shown = run(launcher, environ, "users", "show", user.email)
    listed = run(launcher, environ, "--help")
    missing = run(launcher, environ, "users", "show", "nobody@example.org")

    assert shown.returncode == 0, shown.stderr
    assert str(user.id) in shown.stdout
    assert listed.stdout.startswith("Usage: authapp ")
    for group in ("cache", "config", "keys", "outbox", "security", "tokens", "users", "db"):
        assert f"\n  {group} " in listed.stdout
    assert missing.returncode == 1
    assert missing.stderr == "Error: no such account: 'nobody@example.org'\n"


def test_a_missing_setting_is_named(launcher: Path) -> None:
    said = run(launcher, {}, "users", "show", "x@example.org")

    assert said.returncode == 1
    assert "SECRET_KEY is missing" in said.stderr
    assert "Traceback" not in said.stderr
