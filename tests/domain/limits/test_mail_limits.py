"""Emails that strangers ask for are limited by mailbox, client, site and overall."""

from collections.abc import Callable

import pytest
from flask import Flask

from authapp.delivery import outbox
from authapp.domain.client import Client
from authapp.domain.limits import mail_limits
from authapp.errors import TooManyAttempts
from authapp.models import User
from authapp.services import change_email, password_reset, register, verify_email
from tests.support.accounts import HERE, PASSWORD, add_user

TAGGED = ["Victim@example.org", "victim+a@example.org", "victim+b+c@EXAMPLE.org"]


def client(address: str) -> Client:
    return Client(address, "program/1.0")


def to_victim(app: Flask) -> int:
    """Send what waits, and return the number of emails to the mailbox of the victim."""
    password_reset.answer_requests()
    verify_email.answer_requests()
    return sum(each.recipient.lower().startswith("victim") for each in outbox.list_recent())


def ask_for_everything(mover: User, number: int) -> None:
    """Ask for every kind of email to the victim, each time from another site."""
    address, asker = TAGGED[number % len(TAGGED)], client(f"192.0.{number}.1")
    register.register(address, PASSWORD, client=asker)
    password_reset.request(address, client=asker)
    change_email.request(mover.id, address, browser="x", client=asker)


def test_all_kinds_and_tags_share_the_limit_of_a_mailbox(app: Flask) -> None:
    with app.app_context():
        movers = [add_user(f"mover{number}@example.org") for number in range(20)]

        for number, mover in enumerate(movers):
            ask_for_everything(mover, number)

        # By LIMIT_MAIL_BY_MAILBOX and LIMIT_RESET_BY_MAILBOX.
        assert to_victim(app) == 6 + 3


def test_other_emails_leave_room_for_a_password_reset(app: Flask) -> None:
    with app.app_context():
        owner = add_user("victim@example.org")
        for number in range(10):
            register.register(owner.email, PASSWORD, client=client(f"192.0.{number}.1"))
        before = to_victim(app)

        password_reset.request(owner.email, client=HERE)

        assert to_victim(app) == before + 1


def test_one_client_shares_a_limit_over_all_kinds(app: Flask, user: User) -> None:
    with app.app_context():
        for number in range(10):
            register.register(f"a{number}@example.org", PASSWORD, client=HERE)
            password_reset.request(f"a{number}@example.org", client=HERE)

        for ask in (
            lambda: register.register("b@example.org", PASSWORD, client=HERE),
            lambda: password_reset.request("b@example.org", client=HERE),
            lambda: change_email.request(user.id, "b@example.org", browser="x", client=HERE),
            lambda: verify_email.send_again(user.id, browser=None, client=HERE),
        ):
            with pytest.raises(TooManyAttempts):
                ask()


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("LIMIT_MAIL_BY_CLIENT", "2001:db8::{:x}"),
        ("LIMIT_MAIL_BY_SITE", "192.0.2.{}"),
        ("LIMIT_MAIL_BY_SITE", "2001:db8:0:{:x}::1"),
        ("LIMIT_MAIL_OVERALL", "192.0.{}.1"),
    ],
)
def test_each_limit_is_a_setting(
    make_app: Callable[..., Flask], setting: str, address: str
) -> None:
    with make_app(**{setting: "3/1h"}).app_context():
        for number in range(1, 4):
            mail_limits.spend(client(address.format(number)))

        with pytest.raises(TooManyAttempts):
            mail_limits.spend(client(address.format(4)))


def test_a_trusted_network_has_only_the_overall_limit(make_app: Callable[..., Flask]) -> None:
    settings = {"LIMIT_MAIL_BY_CLIENT": "1/1h", "LIMIT_MAIL_BY_SITE": "1/1h"}
    app = make_app(**settings, LIMIT_MAIL_OVERALL="3/1h", TRUSTED_NETWORKS="192.0.2.0/24")
    with app.app_context():
        for _ in range(3):
            mail_limits.spend(HERE)

        with pytest.raises(TooManyAttempts):
            mail_limits.spend(HERE)


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Name+tag@example.org", "name@example.org"),
        ("name@example.org", "name@example.org"),
        ("+tag@example.org", "+tag@example.org"),
    ],
)
def test_a_tag_does_not_make_another_mailbox(address: str, mailbox: str) -> None:
    assert mail_limits.mailbox(address) == mailbox
