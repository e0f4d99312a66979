"""Every event in the log has a name, which docs/operation.md explains."""

import re

from authapp import ROOT

EVENT = re.compile(r"\blog\.(debug|info|warning|error|critical|exception)\(\s*(\S+?)[,)\n]")


def test_every_event_has_a_name_and_is_documented() -> None:
    page = (ROOT / "docs" / "operation.md").read_text()
    named = {
        name
        for folder in ("authapp", "deploy")
        for file in (ROOT / folder).rglob("*.py")
        for level, name in EVENT.findall(file.read_text())
        if level != "debug" and not name.startswith("str(activity")
    }

    assert named
    assert [name for name in named if not re.fullmatch(r'"[a-z_]+"', name)] == []
    assert [name for name in sorted(named) if f"`{name[1:-1]}`" not in page] == []
