"""The model of process memory: no answer contradicts a report, and each rule is needed."""

import pytest

from tests.token_cache.local_tier_model import World, explore
from tests.token_cache.local_tier_state import LIST, ROW, Rules

ROWS, LISTS, BOTH = ((0, ROW), (0, ROW)), ((0, LIST), (0, LIST)), ((0, ROW), (0, LIST))
WORLDS = {
    "an update": World(ROWS, "u"),
    "a delete": World(ROWS, "d"),
    "an insert of a known id": World(ROWS, "i", exists=False),
    "an insert into a list": World(LISTS, "i", exists=False),
    "a row and its list": World(BOTH, "d"),
    "two processes": World(((0, ROW), (1, ROW)), "u"),
    "a journaled insert": World(ROWS, "I", exists=False),
    "a journaled insert into a list": World(LISTS, "I", exists=False),
    "a lost key": World(ROWS, "u", key_losses=1),
    "a lost log": World(ROWS, "u", log_losses=1),
    "two writers of a list": World(((0, LIST),), "do"),
    "a delete after an insert": World(((0, ROW),), "id", exists=False),
    "a journaled insert and an update": World(((0, LIST),), "Iu", exists=False),
}
INSERT = World(ROWS, "i", exists=False)
NEEDED = {
    "waits_before_reporting": World(ROWS, "u"),
    "guards_memory": World(ROWS, "u"),
    "logs_lost_fences": World(ROWS, "u", key_losses=1),
    "reads_the_last_entry_again": World(ROWS, "u", log_losses=1),
    "remembers_nothing_under_a_fence": World(ROWS, "u"),
    "check_ends_trust_in_memory": World(((0, ROW), (0, ROW)), "U"),
    "inserts_fence_the_list": World(LISTS, "i", exists=False),
    "journaled_inserts_wait": World(LISTS, "I", exists=False),
    "fences_before_logging": World(ROWS, "u"),
    "absence_needs_a_lease": INSERT,
    "absence_follows_the_log": INSERT,
}


@pytest.mark.parametrize("world", WORLDS)
def test_no_answer_contradicts_a_report(world: str) -> None:
    states = list(explore(WORLDS[world], Rules()))

    assert len(states) > 1000
    assert not any(states)


@pytest.mark.parametrize("rule", NEEDED)
def test_leaving_out_any_rule_makes_some_answer_contradict_a_report(rule: str) -> None:
    assert any(explore(NEEDED[rule], Rules(**{rule: False})))
