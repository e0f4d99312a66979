"""The measurement: every request about every address, in random order."""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from random import SystemRandom

from urllib3 import HTTPConnectionPool

from authapp.services.enumeration import samples
from authapp.services.enumeration.comparison import Comparison, compare_answers
from authapp.services.enumeration.rank_test import smallest_p
from authapp.services.enumeration.requests import EXPECTED, every_request, send_all
from authapp.services.enumeration.samples import ABSENT, Samples
from authapp.services.enumeration.visitor import Answer, NotMeasured, Visitor, connect

Answers = dict[tuple[str, str], list[tuple[str, Answer]]]
"""Answers and the addresses that they are about, by request and state."""


def measure(
    url: str, *, states: list[str], rounds: int, domain: str, on_round: Callable[[], None]
) -> list[Comparison]:
    """Compare each state with absent addresses; raises NotMeasured.

    Each address is used once: afterwards, it is registered. `on_round` is called after each round.
    """
    created = samples.create(states, rounds + 1, domain)
    try:
        with closing(connect(url)) as pool:
            _require_same_database(Visitor(pool, url), created)
            answers = _ask(pool, url, created.addresses, on_round)
            _require_expected(answers)
    finally:
        samples.delete_all(created)
    return [
        compare_answers(request, state, answers[request, state], answers[request, ABSENT])
        for request in every_request()
        for state in states
    ]


def require_rounds(rounds: int, significance: float) -> None:
    """Raise NotMeasured if so few rounds cannot show a difference in time."""
    if 0 < significance <= smallest_p(rounds):
        raise NotMeasured(
            f"{rounds} rounds are too few to compare times; use more, or fewer states"
        )


def _require_same_database(visitor: Visitor, created: Samples) -> None:
    credentials = {"email": created.control, "password": created.password}
    if visitor.post_json("/api/v1/login", json.dumps(credentials)).status != HTTPStatus.OK:
        raise NotMeasured(
            "the deployment does not know an account that was just created;"
            " run this command with the settings of the deployment"
        )


def _require_expected(answers: Answers) -> None:
    """Raise NotMeasured unless absent addresses were handled: error pages are all the same."""
    for request in every_request():
        expected = EXPECTED[request]
        for _, answer in answers[request, ABSENT]:
            if answer.status != expected:
                raise NotMeasured(
                    f'"{request}" was answered with {answer.status} instead of {expected.value}'
                )


def _ask(
    pool: HTTPConnectionPool,
    url: str,
    addresses: dict[str, list[str]],
    on_round: Callable[[], None],
) -> Answers:
    answers: Answers = defaultdict(list)
    # The first round fills caches and is not counted.
    for number, emails in enumerate(zip(*addresses.values(), strict=True)):
        order = list(zip(addresses, emails, strict=True))
        # Other load on the machine changes slowly, and must not favor a state.
        SystemRandom().shuffle(order)
        for state, email in order:
            for request, answer in send_all(Visitor(pool, url), email):
                if number > 0:
                    answers[request, state].append((email, answer))
        on_round()
    return answers
