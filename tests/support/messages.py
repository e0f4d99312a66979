"""What the newest message to somebody says."""

import re

from flask import Flask

from authapp.delivery import outbox


def newest_to(app: Flask, to: str, pattern: str) -> str:
    """Return the first group of a pattern in the newest message to somebody."""
    with app.app_context():
        body = next(each.body for each in outbox.list_recent() if each.recipient == to)
    found = re.search(pattern, body, re.MULTILINE)
    assert found
    return found[1]


def code_to(app: Flask, to: str) -> str:
    """Return the code of the newest message to an address or a number."""
    return newest_to(app, to, r"^(\d{3} ?\d{3})\b")
