"""Limits on text messages: no few clients or accounts spend what all users share."""

from collections.abc import Callable
from itertools import count, takewhile
from uuid import UUID, uuid4

import pytest
from flask import Flask

from authapp.domain.client import Client
from authapp.domain.limits import text_limits
from authapp.errors import TooManyAttempts
from tests.support.on_sqlite import on_sqlite

pytestmark = on_sqlite

PER_COUNTRY, PER_CLIENT = 200, 10


@pytest.fixture(autouse=True)
def context(make_app: Callable[..., Flask]) -> object:
    app = make_app(
        SMS_DAILY_BUDGET_PER_COUNTRY=str(PER_COUNTRY), SMS_DAILY_BUDGET_PER_CLIENT=str(PER_CLIENT)
    )
    with app.app_context():
        yield app


_numbers = count(1)


def number() -> str:
    """Return a number that no other call returns."""
    return f"+4474001{next(_numbers):05}"


def is_sent(address: str, user_id: UUID | None = None, to: str | None = None) -> bool:
    try:
        text_limits.spend(user_id or uuid4(), to or number(), client=Client(address, ""))
    except TooManyAttempts:
        return False
    return True


def spend(address: str) -> int:
    """Request texts to other numbers until one is refused, and return how many were not."""
    return sum(takewhile(bool, (is_sent(address) for _ in count())))


def test_five_clients_do_not_spend_the_budget_of_a_country() -> None:
    spent = sum(spend(f"203.0.{site}.8") for site in range(5))

    assert spent == 5 * PER_CLIENT / 2
    assert spend("198.51.100.7") == PER_CLIENT / 2


@pytest.mark.parametrize("neighbor", ["203.0.113.{}", "2001:db8:1:{}::1"])
def test_neighboring_clients_share_a_limit(neighbor: str) -> None:
    spent = sum(spend(neighbor.format(each)) for each in range(1, 21))

    assert spent == PER_CLIENT


def test_one_account_spends_little_from_many_clients(move_time: Callable[..., object]) -> None:
    account = uuid4()

    at_once = [is_sent(f"203.0.{site}.8", account) for site in range(20)]
    with move_time(hours=23):  # type: ignore[attr-defined]
        later = [is_sent(f"198.51.{site}.8", account) for site in range(20)]

    assert sum(at_once) == 6
    assert sum(later) <= 6


def test_one_number_gets_few_texts_from_many_clients() -> None:
    to = number()

    assert sum(is_sent(f"203.0.{site}.8", to=to) for site in range(20)) == 6
