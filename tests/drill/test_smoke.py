"""The drill runs, and two of its faults cause no wrong answer; the times are not judged here."""

import pytest

from tests.drill.__main__ import cause, staged
from tests.drill.faults import FAULTS
from tests.drill.report import rows, wrong_answers
from tests.support.servers import PostgresServer

SECONDS = 1.0
UNHURRIED = {"CACHE_TIMEOUT": "1000", "CACHE_CONNECT_TIMEOUT": "1000"}
"""On a busy machine, Redis may answer late; without the database too, nothing can be checked."""


@pytest.mark.postgresql
@pytest.mark.xdist_group("processes")
def test_frozen_and_restarted_servers_cause_no_wrong_answer(postgres: PostgresServer) -> None:
    chosen = [
        fault for fault in FAULTS if fault.name in {"Redis is killed", "PostgreSQL is frozen"}
    ]

    with staged(postgres, **UNHURRIED) as (ours, stage):
        found = [(fault, cause(fault, ours, stage, SECONDS)) for fault in chosen]

    assert len(found) == 2
    for fault, answers in found:
        assert list(wrong_answers(fault, answers)) == []
        assert len(list(rows(fault, answers))) == len(answers)
