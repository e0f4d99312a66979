"""Replacing each secret as docs/secrets.md says loses no session, form, code or request.

At each step of a rolling restart, some processes have the settings from before it and some those
from after it. A browser's requests reach both.
"""

import base64
from collections.abc import Callable
from itertools import pairwise
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.models import Scope, User
from tests.api.calling import bearing, new_token
from tests.support.accounts import PASSWORD
from tests.support.applications import dispose, settings
from tests.support.browsing import hidden, is_signed_in
from tests.support.messages import code_to
from tests.support.signing_keys import run_keys

OLD: Final = settings("", "")
NEW_SECRET: Final = "pQ7vX2mK9sLd4RtZ8wYc1NbJ6hGf3EaU5oTi"
NEW_KEY: Final = base64.urlsafe_b64encode(bytes(range(128, 160))).decode()


def of_list(name: str) -> list[dict[str, str]]:
    """Return the steps for a setting that lists keys."""
    old = OLD[name]
    return [{name: value} for value in (old, f"{old},{NEW_KEY}", f"{NEW_KEY},{old}", NEW_KEY)]


STEPS: Final = {
    "SECRET_KEY": [
        {"SECRET_KEY": OLD["SECRET_KEY"]},
        {"SECRET_KEY": OLD["SECRET_KEY"], "SECRET_KEY_FALLBACKS": NEW_SECRET},
        {"SECRET_KEY": NEW_SECRET, "SECRET_KEY_FALLBACKS": OLD["SECRET_KEY"]},
    ],
    "KEY_ENCRYPTION_KEYS": of_list("KEY_ENCRYPTION_KEYS"),
    "CACHE_SEALING_KEYS": of_list("CACHE_SEALING_KEYS"),
}


@pytest.mark.parametrize("secret", STEPS)
def test_no_one_notices(
    app: Flask, make_app: Callable[..., Flask], user: User, secret: str
) -> None:
    steps = [make_app(**step) for step in STEPS[secret]]
    browser = steps[0].test_client()
    sign_in(browser, steps[0], steps[0])
    token = bearing(new_token(steps[0], user, Scope.ACCOUNT_READ))

    for number, (before, after) in enumerate(pairwise(steps)):
        if secret == "KEY_ENCRYPTION_KEYS" and after is steps[-1]:
            for stopped in (app, steps[0]):
                dispose(stopped)
            assert run_keys(before, "rewrap")[0] == 0
        for here, there in ((before, after), (after, before)):
            stay_signed_in(browser, here, there)
            newcomer = here.test_client()
            sign_in(newcomer, here, there)
            stay_signed_in(newcomer, here, there)
            register(f"{number}-{steps.index(here)}@example.org", here, there)
            for process in (here, there):
                answer = process.test_client().get("/api/v1/me", headers=token)
                assert answer.status_code == 200


def submit(
    browser: FlaskClient, path: str, page: str, here: Flask, there: Flask, **fields: str
) -> None:
    """Open a page of one process, and send its form to another."""
    browser.application = here
    form = hidden(browser.get(page).get_data(as_text=True))
    browser.application = there
    answer = browser.post(path, data={**form, **fields})
    assert answer.status_code in (200, 303), answer.get_data(as_text=True)


def sign_in(browser: FlaskClient, here: Flask, there: Flask) -> None:
    credentials = {"email": "somebody@example.org", "password": PASSWORD}
    submit(browser, "/login", "/login", here, there, **credentials)


def stay_signed_in(browser: FlaskClient, here: Flask, there: Flask) -> None:
    """Use and renew a session at both processes in turn."""
    for app in (here, there, here):
        browser.application = app
        assert is_signed_in(browser)
        browser.delete_cookie("access_token")
        assert is_signed_in(browser)


def register(email: str, here: Flask, there: Flask) -> None:
    """Register at one process, and enter the emailed code at another."""
    browser = here.test_client()
    submit(browser, "/register", "/register", here, there, email=email, password=PASSWORD)
    code = code_to(there, email)
    submit(browser, "/verify/email/code", "/verify/email", there, here, code=code)
