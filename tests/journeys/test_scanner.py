"""A mail scanner that opens any link in our emails changes no account."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page

from authapp.delivery.sealing import open_message
from authapp.models import (
    Activity,
    ActivityEvent,
    OutboxMessage,
    RefreshToken,
    Token,
    User,
    VerificationToken,
    VerificationType,
    db,
)
from authapp.models.base import table_of
from authapp.security.opaque_tokens import parse_link_token
from tests.journeys.scanner import ELSEWHERE, Scanner
from tests.journeys.states import STATES, Visit

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

MAILED = set(VerificationType) - {
    VerificationType.PHONE_VERIFICATION,  # a code without a link
    VerificationType.KEEP_ACCOUNT,  # issued at sign-in, never emailed
}


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "TRUSTED_PROXIES": "1"}


def send_every_mail(server: str, new_page: Callable[..., Page]) -> None:
    """Trigger every email that has a screenshot, each from its own browser context and address."""
    for number, name in enumerate(name for name in STATES if name.startswith("mail-")):
        page = new_page(extra_http_headers={"X-Forwarded-For": f"203.0.113.{number}"})
        STATES[name](Visit(page, server, f"visitor{number}@example.org"))


class Link(NamedTuple):
    """A link in an email, and the purpose of its token, if it has one."""

    message: str
    url: str
    purpose: VerificationType | None
    is_unused: bool


def links() -> Iterator[Link]:
    """Yield every link in every email."""
    for mail in map(open_message, db.session.scalars(db.select(OutboxMessage))):
        for url in re.findall(r"https?://\S+", mail.body):
            token = parse_link_token(url.rpartition("/")[2])
            row = db.session.get(VerificationToken, token.id) if token else None
            purpose = VerificationType(row.type) if row else None
            is_unused = row is not None and row.used_at is None and row.revoked_at is None
            yield Link(mail.message, url, purpose, is_unused)


def everything() -> dict[str, list[Any]]:
    """Return all rows that must not change."""
    db.session.rollback()
    models = (User, VerificationToken, RefreshToken, Token, OutboxMessage)
    return {
        model.__tablename__: [
            tuple(row) for row in db.session.execute(db.select(table_of(model)).order_by(model.id))
        ]
        for model in models
    }


@pytest.mark.long
def test_nothing_is_verified_reset_undone_or_frozen(
    app: Flask, live_server: str, new_page: Callable[..., Page], browser: Browser
) -> None:
    send_every_mail(live_server, new_page)
    with app.app_context():
        # One link for each purpose and email, unused if possible: the others are the same.
        by_use = sorted(links(), key=lambda link: link.is_unused)
        found = {(link.message, link.purpose): link.url for link in by_use}
        before = everything()
        scanner = Scanner(browser)

        pages = {url: scanner.scan(url) for url in found.values()}

        assert {purpose for _, purpose in found if purpose} == MAILED
        assert all(url in seen for url, seen in pages.items())
        assert everything() == before
        noted = ActivityEvent.address == ELSEWHERE["X-Forwarded-For"]
        events = db.session.scalars(db.select(ActivityEvent).where(noted)).all()
        assert {event.activity for event in events} == {Activity.LINK_OPENED_ELSEWHERE}
        links_noted = [(event.user_id, event.details["purpose"]) for event in events]
        assert len(links_noted) == len(set(links_noted))
