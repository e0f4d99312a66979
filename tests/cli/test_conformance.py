"""`flask security conformance` lists requirements with tests that exist, and finds unmet ones."""

import json
from collections.abc import Callable

import pytest
from flask import Flask

from authapp import ROOT
from authapp.services.conformance import REQUIREMENTS, Requirement

ON_ONE_DATABASE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STRICT = {
    "PUBLIC_URL": "https://accounts.example.org",
    "PASSWORD_MIN_LENGTH": "15",
    "PWNED_PASSWORDS_URL": "https://api.pwnedpasswords.com/range",
    "EMAIL_VERIFICATION_LIFETIME": "600",
}


def conformance(app: Flask, *options: str) -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["security", "conformance", *options])
    return ended.exit_code, ended.output


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda each: each.source)
def test_each_requirement_names_a_test_that_exists(requirement: Requirement) -> None:
    path, _, name = requirement.test.partition("::")

    assert f"\ndef {name}(" in (ROOT / path).read_text()


@ON_ONE_DATABASE
def test_a_strict_deployment_meets_all_requirements(make_app: Callable[..., Flask]) -> None:
    code, output = conformance(make_app(**STRICT))

    count = len(REQUIREMENTS)
    assert code == 0
    assert output.splitlines()[-1] == f"{count} of {count} requirements are met"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("setting", "value", "source"),
    [
        ("PUBLIC_URL", "http://localhost", "ASVS 3.3.1, 3.3.3"),
        ("PASSWORD_MIN_LENGTH", "8", "ASVS 6.2.1"),
        ("PWNED_PASSWORDS_URL", "", "ASVS 6.2.12"),
        ("EMAIL_VERIFICATION_LIFETIME", "1800", "ASVS 6.5.5"),
    ],
)
def test_a_setting_that_breaks_a_requirement_is_named(
    make_app: Callable[..., Flask], setting: str, value: str, source: str
) -> None:
    code, output = conformance(make_app(**{**STRICT, setting: value}), "--json")

    unmet = [each for each in json.loads(output) if not each["is_met"]]
    assert code == 1
    assert [each["source"] for each in unmet] == [source]
    assert setting in unmet[0]["gap"]
