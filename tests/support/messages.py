"""Codes and links from the newest messages."""

import re

from flask import Flask

from authapp.delivery import outbox
from tests.support.applications import answer_requests


def newest_to(app: Flask, to: str, pattern: str) -> str:
    """Return the first group of a pattern in the newest message to a recipient."""
    answer_requests(app)
    with app.app_context():
        body = next(each.body for each in outbox.list_recent() if each.recipient == to)
    found = re.search(pattern, body, re.MULTILINE)
    assert found
    return found[1]


def code_to(app: Flask, to: str) -> str:
    """Return the code of the newest message to an address or a number."""
    return newest_to(app, to, r"^(\d{3} ?\d{3})\b")


def newest_verification_link(app: Flask) -> str:
    """Return the path of the link in the newest message, which verifies an email address."""
    answer_requests(app)
    with app.app_context():
        found = re.search(r"http://[^/]+(/verify/email/\S+)", outbox.list_recent()[0].body)
    assert found
    return found[1]


def link_in(mail: dict[str, str]) -> str:
    """Return the first link in an email from the development outbox."""
    found = re.search(r"http://\S+", mail["body"])
    assert found
    return found[0]
