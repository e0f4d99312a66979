"""Every reason and activity that the database may hold is one that the code records."""

from enum import StrEnum

import pytest

from authapp import ROOT
from authapp.models import Activity, EndReason, RevokeReason

SOURCE = "\n".join(
    file.read_text() for file in (ROOT / "authapp").rglob("*.py") if file.parent.name != "web"
)


@pytest.mark.parametrize("reasons", [RevokeReason, EndReason, Activity])
def test_every_member_is_used(reasons: type[StrEnum]) -> None:
    ending = {str(each) for each in EndReason}

    unused = [
        each.name
        for each in reasons
        if f"{reasons.__name__}.{each.name}" not in SOURCE
        # `RevokeReason(reason)` takes the reasons for which a session ends, too.
        and not (reasons is RevokeReason and each in ending)
    ]

    assert unused == []
