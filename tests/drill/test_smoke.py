"""The drill runs, and two of its faults cause no wrong answer; the times are not judged here."""

import pytest

from tests.drill import sign_ins
from tests.drill.__main__ import cause, staged
from tests.drill.faults import FAULTS, UNHURRIED
from tests.drill.report import rows, wrong_answers
from tests.support.servers import PostgresServer

SECONDS = 1.0


@pytest.mark.postgresql
@pytest.mark.xdist_group("processes")
def test_frozen_and_restarted_servers_cause_no_wrong_answer(postgres: PostgresServer) -> None:
    chosen = [
        fault for fault in FAULTS if fault.name in {"Redis is killed", "PostgreSQL is frozen"}
    ]

    with staged(postgres, **UNHURRIED) as (ours, stage):
        compared = sign_ins.measure(ours, stage, seconds=SECONDS, turns=1)
        found = [(fault, cause(fault, ours, stage, SECONDS)) for fault in chosen]

    assert len(compared.sign_ins) == len(compared.hashes) == 1
    assert len(found) == 2
    for fault, answers in found:
        assert list(wrong_answers(fault, answers)) == []
        assert len(list(rows(fault, answers))) == len(answers)


@pytest.mark.parametrize(
    ("signed_in", "hashed", "is_broken"),
    [
        ([18.0, 36.0, 27.0], [20.0, 40.0, 30.0], False),
        # Other load may slow down one turn.
        ([5.0, 36.0, 27.0], [20.0, 40.0, 30.0], False),
        ([17.0, 36.0, 25.0], [20.0, 40.0, 30.0], True),
    ],
)
def test_too_few_sign_ins_break_a_promise(
    signed_in: list[float], hashed: list[float], is_broken: bool
) -> None:
    found = sign_ins.broken(sign_ins.Throughput(signed_in, hashed))

    assert bool(found) is is_broken
