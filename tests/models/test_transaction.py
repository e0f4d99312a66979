"""Only `authapp.models` ends transactions, so that none is left open or ended by mistake."""

import re

from authapp import ROOT

ENDING = re.compile(r"\bsession(?:\(\))?\.(?:commit|rollback)\(")


def test_no_other_module_commits_or_rolls_back() -> None:
    ending = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "authapp").rglob("*.py")
        if ENDING.search(file.read_text())
    }

    assert ending == {
        "authapp/models/base.py",
        "authapp/models/transaction.py",
    }
