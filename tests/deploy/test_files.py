"""What cannot run in the tests is checked by its own linter, or against its own schema."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from authapp import ROOT
from authapp.config import load
from tests.support.applications import settings

DEPLOY: Final = ROOT / "deploy"
MANIFESTS: Final = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
UNITS: Final = sorted((DEPLOY / "systemd").iterdir())
SYSTEMD: Final = shutil.which("systemd-analyze")

KUBERNETES: Final = "1.34"
"""The oldest release that the manifests are for."""


def run(program: str, *arguments: str | Path) -> None:
    """Run an installed program, which must be content."""
    command = [str(Path(sys.executable).parent / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_accepted_by_hadolint() -> None:
    run("hadolint", "--no-color", DEPLOY / "Dockerfile")


def test_the_image_receives_every_file_that_the_dockerfile_copies() -> None:
    lines = (DEPLOY / "Dockerfile").read_text().splitlines()
    copied = {
        name
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for name in line.split()[1:-1]
    }
    sent = {
        line.removeprefix("!").split("/")[0]
        for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    }

    assert copied == sent
    assert all((ROOT / name).exists() for name in copied)


def test_the_compose_file_matches_its_schema() -> None:
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")


@pytest.mark.parametrize("file", MANIFESTS, ids=lambda file: file.name)
def test_each_manifest_matches_the_schema_of_kubernetes(file: Path) -> None:
    run("kubernetes-validate", "--strict", "--kubernetes-version", KUBERNETES, file)


def test_yaml_files_repeat_no_key() -> None:
    rules = "{rules: {key-duplicates: enable, indentation: enable, trailing-spaces: enable}}"
    files = [*DEPLOY.rglob("*.y*ml"), *(ROOT / "docs").glob("*.yaml")]

    run("yamllint", "--strict", "-d", rules, *files)


@pytest.mark.skipif(SYSTEMD is None, reason="systemd-analyze is missing")
def test_the_units_are_accepted_by_systemd(tmp_path: Path) -> None:
    for unit in UNITS:
        text = unit.read_text().replace("/opt/authapp/bin/", "/bin/true --")
        (tmp_path / unit.name).write_text(text)

    command = [str(SYSTEMD), "verify", "--man=no", *(tmp_path / unit.name for unit in UNITS)]
    done = subprocess.run(command, capture_output=True, text=True)

    complaints = [line for line in done.stderr.splitlines() if "authapp" in line]
    assert (done.returncode, complaints) == (0, []), done.stderr


def test_every_container_runs_without_rights() -> None:
    pods = list(_pods())

    assert len(pods) == 5
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            allowed = container["securityContext"]
            assert allowed["readOnlyRootFilesystem"]
            assert not allowed["allowPrivilegeEscalation"]
            assert allowed["capabilities"] == {"drop": ["ALL"]}


def _pods() -> Iterator[dict[str, Any]]:
    for file in MANIFESTS:
        for manifest in yaml.safe_load_all(file.read_text()):
            spec = manifest.get("spec", {})
            template = spec.get("jobTemplate", manifest)["spec"] if spec else {}
            if "template" in template:
                yield template["template"]["spec"]


def test_the_manifests_set_what_is_required(tmp_path: Path) -> None:
    """The settings refer to files of the secret, and are complete with them."""
    given = _manifest("settings.yaml")["data"]
    values = settings("", "")
    secrets = _manifest("secret.example.yaml")["stringData"]
    for name, value in secrets.items():
        own = "" if name == "SECRET_KEY_FALLBACKS" else "Zk3jf9QwpLm2xVt8RyBn5HsGd7CaUe1T4oI7"
        (tmp_path / name).write_text(value or values.get(name) or own)

    def moved(value: str) -> str:
        return value.replace("/run/secrets/authapp", str(tmp_path))

    read = load({name: moved(value) for name, value in given.items()})

    files = {name.removesuffix("_FILE") for name in given if name.endswith("_FILE")}
    assert files == set(secrets)
    assert read.deployment.environment == "production"


def _manifest(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / name).read_text())
    return found
