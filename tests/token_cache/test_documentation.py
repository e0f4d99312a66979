"""The examples of docs/token-cache.md run as written."""

import re
from textwrap import dedent

import pytest

from authapp import ROOT
from authapp.models import User
from authapp.token_cache import TokenCache
from tests.token_cache.rows import add_session

PAGE = (ROOT / "docs" / "token-cache.md").read_text()
EXAMPLES = re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE)


def test_examples_run(context: None, user: User, capsys: pytest.CaptureFixture[str]) -> None:
    session = add_session(user.id)
    names = {"user_id": user.id}

    for example in EXAMPLES:
        exec(dedent(example), names)

    assert len(EXAMPLES) == 2
    assert session.user_agent in capsys.readouterr().out


def test_every_documented_operation_exists() -> None:
    named = set(re.findall(r"`((?:get|cache|invalidate)_\w+)`", PAGE))

    assert len(named) > 15
    assert {name for name in named if not hasattr(TokenCache, name)} == set()
