"""Key rotation without interruption: when it is refused, and when it is not due."""

import base64
import os
import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import signing_keys
from authapp.models import User
from tests.support.applications import dispose
from tests.support.browsing import cookie, is_signed_in, sign_in
from tests.support.on_sqlite import on_sqlite
from tests.support.signing_keys import fetch_keys, key_states, run_keys


def live(app: Flask) -> dict[str, str]:
    """Return the number of live sessions that `list` shows, by key state."""
    rows = [line.split() for line in run_keys(app, "list")[1].splitlines()[1:]]
    return {row[2]: row[-1] for row in rows}


def test_rotation_waits_until_programs_can_know_the_next_key(
    app: Flask, move_time: Callable
) -> None:
    # The keys of a new database may be a few minutes old.
    run_keys(app, "rotate", "--force")

    code, output = run_keys(app, "rotate")

    assert code == 1
    assert re.search(r"too new: .* for another [1-9]\d{0,2} s", output)
    assert key_states(app) == ["active", "next", "retired"]
    with move_time(minutes=6):
        assert run_keys(app, "rotate")[0] == 0
        assert key_states(app) == ["active", "next", "retired", "retired"]


def test_an_active_program_without_the_next_key_is_named(
    app: Flask, client: FlaskClient, move_time: Callable
) -> None:
    run_keys(app, "rotate", "--force")
    fetch_keys(client, "search/2.0")
    run_keys(app, "rotate", "--force")
    fetch_keys(client, "billing/1.0")

    with move_time(minutes=6):
        code, output = run_keys(app, "rotate")
        assert code == 1
        assert "search/2.0 at 127.0.0.1" in output
        assert "billing" not in output

        fetch_keys(client, "search/2.0")
        assert run_keys(app, "rotate")[0] == 0


def test_rotation_waits_at_most_a_day_for_an_absent_program(
    app: Flask, client: FlaskClient, move_time: Callable
) -> None:
    fetch_keys(client, "gone/1.0")
    run_keys(app, "rotate", "--force")

    with move_time(hours=23):
        assert run_keys(app, "rotate")[0] == 1
    with move_time(hours=25):
        assert run_keys(app, "rotate")[0] == 0


def test_the_list_shows_which_programs_have_the_next_key(app: Flask, client: FlaskClient) -> None:
    fetch_keys(client, "search/2.0")
    run_keys(app, "rotate", "--force")
    fetch_keys(client, "billing/1.0")

    code, output = run_keys(app, "consumers")

    assert code == 0
    shown = {line.split()[-1]: line.split()[2] for line in output.splitlines()[1:]}
    assert shown == {"search/2.0": "no", "billing/1.0": "yes"}


def test_rotation_by_cron_waits_until_it_is_due(app: Flask, move_time: Callable) -> None:
    code, output = run_keys(app, "rotate", "--if-older-than", "30d")
    assert (code, key_states(app)) == (0, ["active", "next"])
    assert output.startswith("not due")

    with move_time(days=30, minutes=1):
        assert run_keys(app, "rotate", "--if-older-than", "30d")[0] == 0
        assert key_states(app) == ["active", "next", "retired"]
        assert run_keys(app, "rotate", "--if-older-than", "30d")[1].startswith("not due")


@on_sqlite
@pytest.mark.parametrize(
    "span", ["", "30", "soon", "-30d", "0d", "9999999999d", "30 parsecs", "\x00", "\udcff", "٣d"]
)
def test_an_invalid_duration_is_refused(app: Flask, span: str) -> None:
    code, output = run_keys(app, "rotate", "--force", "--if-older-than", span)

    assert code == 2
    assert "is not a duration such as 30d" in output
    assert key_states(app) == ["active", "next"]


def test_live_sessions_are_counted_by_the_key_that_signed_their_latest_token(
    app: Flask, user: User, move_time: Callable
) -> None:
    staying, leaving = app.test_client(), app.test_client()
    sign_in(staying)
    sign_in(leaving)
    assert live(app) == {"active": "2", "next": "0"}

    run_keys(app, "rotate", "--force")
    assert live(app) == {"retired": "2", "active": "0", "next": "0"}

    with move_time(minutes=9):
        staying.delete_cookie("access_token")
        assert is_signed_in(staying)
        assert live(app) == {"retired": "1", "active": "1", "next": "0"}
    with move_time(minutes=11):
        assert live(app)["retired"] == "0"


def test_revoking_a_key_replaces_it_in_every_process_at_once(
    app: Flask, make_app: Callable[..., Flask], user: User
) -> None:
    elsewhere = make_app()
    client = elsewhere.test_client()
    sign_in(client)
    with app.app_context():
        kid = signing_keys.signer().kid

    assert run_keys(app, "revoke", kid)[0] == 0

    assert live(app) == {"revoked": "0", "active": "0", "next": "0"}
    with elsewhere.app_context():
        assert signing_keys.signer().kid != kid
        assert kid not in {key.kid for key in signing_keys.published()}
    before = cookie(client, "access_token")
    assert is_signed_in(client)
    assert cookie(client, "access_token") != before


def test_changing_the_key_encryption_key_interrupts_no_session(
    app: Flask, make_app: Callable[..., Flask], environ: dict[str, str], user: User
) -> None:
    old = environ["KEY_ENCRYPTION_KEYS"]
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    client = app.test_client()
    sign_in(client)

    both = make_app(KEY_ENCRYPTION_KEYS=f"{new},{old}")
    dispose(app)
    assert run_keys(both, "rewrap") == (0, "keys rewrapped: 2\n")
    assert run_keys(both, "rewrap") == (0, "keys rewrapped: 0\n")

    # Without the old key, the active and the next key can be decrypted with the new one alone.
    only_new = make_app(KEY_ENCRYPTION_KEYS=new)
    newcomer = only_new.test_client()
    sign_in(newcomer)
    assert is_signed_in(newcomer)
    newcomer.set_cookie("access_token", cookie(client, "access_token"))
    assert is_signed_in(newcomer)
    assert run_keys(only_new, "rotate", "--force")[0] == 0
    sign_in(only_new.test_client())


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rewrapping_waits_until_every_process_has_the_key(
    app: Flask, make_app: Callable[..., Flask], environ: dict[str, str], user: User
) -> None:
    old = environ["KEY_ENCRYPTION_KEYS"]
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    sign_in(app.test_client())
    both = make_app(KEY_ENCRYPTION_KEYS=f"{new},{old}")

    code, output = run_keys(both, "rewrap")

    assert code == 1
    assert "a process at this host does not have the first of KEY_ENCRYPTION_KEYS yet" in output
    sign_in(app.test_client())
    dispose(app)
    assert run_keys(both, "rewrap") == (0, "keys rewrapped: 2\n")


@pytest.mark.postgresql
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rewrapping_can_be_forced(
    app: Flask, make_app: Callable[..., Flask], environ: dict[str, str], user: User
) -> None:
    new = base64.urlsafe_b64encode(os.urandom(32)).decode()
    both = make_app(KEY_ENCRYPTION_KEYS=f"{new},{environ['KEY_ENCRYPTION_KEYS']}")

    assert run_keys(both, "rewrap", "--force") == (0, "keys rewrapped: 2\n")


def test_a_wrong_key_encryption_key_is_reported_in_one_line(
    make_app: Callable[..., Flask], user: User
) -> None:
    lost = make_app(KEY_ENCRYPTION_KEYS=base64.urlsafe_b64encode(os.urandom(32)).decode())

    code, output = run_keys(lost, "rewrap")
    page = lost.test_client().get("/login")

    assert code == 1
    assert "none of KEY_ENCRYPTION_KEYS decrypts" in output
    assert len(output.splitlines()) == 1
    assert page.status_code == 200
    assert key_states(lost) == ["active", "next"]
