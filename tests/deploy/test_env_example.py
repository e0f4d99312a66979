"""deploy/.env.example has every setting, with the default and meaning that the code declares."""

import re
import shlex
from dataclasses import asdict

from authapp import ROOT
from authapp.config import load
from deploy.env_example import example
from deploy.serve import Serving
from tests.support.applications import PRODUCTION, settings

FILE = ROOT / "deploy" / ".env.example"
REQUIRED = {
    **settings("sqlite:////tmp/never-opened.db", ""),
    **PRODUCTION,
    "PUBLIC_URL": "https://accounts.example.org",
}


def test_it_is_current() -> None:
    assert FILE.read_text() == example(), "run python -m deploy.env_example > deploy/.env.example"


def test_the_defaults_in_it_are_those_of_the_code() -> None:
    required = {name for name, value in _values(FILE.read_text()).items() if not value}
    own = {name: REQUIRED[name] for name in required}
    uncommented = re.sub(r"^#(?=[A-Z_]+=)", "", FILE.read_text(), flags=re.MULTILINE)
    given = {**_values(uncommented), **own}

    assert load(given) == load(own)
    assert Serving.load(given) == Serving.load({})


def test_the_settings_of_the_server_are_all_in_it() -> None:
    documented = (ROOT / "docs" / "operation.md").read_text()

    in_file = set(re.findall(r"^#(SERVE_[A-Z_]+)=", FILE.read_text(), re.MULTILINE))
    assert in_file == set(re.findall(r"`(SERVE_[A-Z_]+)`", documented))
    assert len(in_file) == len(asdict(Serving.load({})))


def _values(text: str) -> dict[str, str]:
    """Return the variables that are set, as a shell reads them."""
    words = shlex.split(text, comments=True)
    return {name: value for name, _, value in (word.partition("=") for word in words)}
