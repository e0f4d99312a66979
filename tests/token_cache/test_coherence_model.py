"""The model of the protocol: no read is stale, and each rule is needed."""

import pytest

from tests.token_cache.coherence_model import Faults, Rules, explore

WORLDS = {
    "two readers, two writers": (2, 2, Faults()),
    "a crash": (1, 2, Faults(crashes=True)),
    "a freeze": (2, 1, Faults(1, freezes=True, crashes=True)),
    "another server": (2, 1, Faults(1, replaces=True, crashes=True)),
    "a freeze and another server": (1, 1, Faults(2, freezes=True, replaces=True, crashes=True)),
}
BOTH = Faults(1, freezes=True, replaces=True)
NEEDED = {
    "fences": (1, 1, BOTH),
    "leases": (2, 1, BOTH),
    "journals": (1, 1, BOTH),
    "journals_unsettled": (1, 2, Faults(2, freezes=True, replaces=True)),
    "waits_before_reporting": (1, 1, BOTH),
    "checks_the_server": (1, 1, BOTH),
}


@pytest.mark.parametrize("world", WORLDS)
def test_no_read_is_stale(world: str) -> None:
    readers, writers, faults = WORLDS[world]

    states = list(explore(readers, writers, Rules(), faults))

    assert len(states) > 1000
    assert not any(states)


@pytest.mark.parametrize("rule", NEEDED)
def test_leaving_out_any_rule_makes_some_read_stale(rule: str) -> None:
    readers, writers, faults = NEEDED[rule]

    assert any(explore(readers, writers, Rules(**{rule: False}), faults))
