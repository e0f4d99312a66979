"""Invalidations that cannot reach Redis: journaled, then replayed before Redis is trusted again."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from flask import Flask

from authapp import ROOT
from authapp.domain import sessions
from authapp.domain.client import Client
from authapp.domain.sessions import Identity, SignedIn
from authapp.errors import TokenRevoked
from authapp.models import RefreshToken, User, db
from authapp.models.changes import update_where
from authapp.services.sign_out import sign_out
from authapp.token_cache import token_cache
from authapp.token_cache.redis import scripts
from tests.support.accounts import start_session
from tests.support.applications import HURRIED
from tests.support.servers import RedisServer

ORIGIN = Client("192.0.2.1", "a browser")
DIES = -9

REVOKE_AND_DIE = """
import os, signal, sys
from uuid import UUID
from authapp import create_app
from authapp.models import EndReason, db
from authapp.domain import sessions
from sqlalchemy import event

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "before reporting":
    # The last that runs in the COMMIT, before anything that follows it.
    event.listen(db.session, "after_commit", die, insert=True)
with create_app().app_context():
    sessions.end(UUID(sys.argv[1]), UUID(sys.argv[2]), EndReason.SIGNED_OUT)
    db.session.commit()
    die()
"""


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, **HURRIED}


def revoke_and_die(environ: dict[str, str], identity: Identity, when: str) -> None:
    """End a session in a separate process, which is then killed at once."""
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            REVOKE_AND_DIE,
            str(identity.session_id),
            str(identity.user_id),
            when,
        ],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", **environ},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == DIES, ended.stderr.decode()


def sign_in(app: Flask, user: User) -> SignedIn:
    with app.app_context():
        signed_in = start_session(user.id, remember=False, client=ORIGIN)
        sessions.authenticate(signed_in.access_token)
    return signed_in


def refuses(app: Flask, signed_in: SignedIn) -> bool:
    with app.app_context():
        try:
            sessions.authenticate(signed_in.access_token)
        except TokenRevoked:
            return True
    return False


@pytest.mark.parametrize("when", ["after reporting", "before reporting"])
def test_revocation_during_a_freeze_survives_a_killed_process_and_the_thaw(
    app: Flask, environ: dict[str, str], user: User, redis_server: RedisServer, when: str
) -> None:
    signed_in = sign_in(app, user)
    session_id = signed_in.identity.session_id
    redis_server.freeze()

    revoke_and_die(environ, signed_in.identity, when)
    redis_server.thaw()

    assert redis_server.client.get(f"refresh_token:{session_id}"), "the old entry is still there"
    assert refuses(app, signed_in)
    assert app.extensions["token_cache"].database.journal_depth() == 0


def test_every_process_refuses_the_session_during_the_freeze(
    app: Flask, make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    redis_server.freeze()

    with app.app_context():
        sign_out(signed_in.identity, client=ORIGIN)

    assert all(refuses(process, signed_in) for process in (app, make_app(), make_app()))


def test_writer_reports_only_when_no_process_trusts_an_older_check(
    app: Flask, make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    """The reader sends nothing while Redis is frozen, so it cannot notice the freeze."""
    reader = make_app()
    for _ in range(5):
        signed_in = sign_in(app, user)
        redis_server.freeze()
        with app.app_context():
            sign_out(signed_in.identity, client=ORIGIN)
        redis_server.thaw()

        assert refuses(reader, signed_in)


def test_worker_sweeps_the_journal(
    app: Flask, make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    key = f"refresh_token:{signed_in.identity.session_id}"
    redis_server.freeze()
    with app.app_context():
        sign_out(signed_in.identity, client=ORIGIN)
    redis_server.thaw()

    worker = make_app()
    with worker.app_context():
        assert token_cache.replay_journal() > 0
        assert token_cache.replay_journal() == 0
    # A fence that arrived late may be there, but no value.
    assert (redis_server.client.get(key) or scripts.FENCE)[:1] == scripts.FENCE


def test_worker_that_cron_runs_sweeps_the_journal(
    app: Flask, make_app: Callable[..., Flask], user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    redis_server.freeze()
    with app.app_context():
        sign_out(signed_in.identity, client=ORIGIN)
    redis_server.thaw()
    worker = make_app()
    assert worker.extensions["token_cache"].database.journal_depth() > 0

    done = worker.test_cli_runner().invoke(args=["outbox", "run", "--once"])

    assert done.exit_code == 0, done.output
    assert worker.extensions["token_cache"].database.journal_depth() == 0


def test_rolled_back_change_leaves_no_journal(
    app: Flask, user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    redis_server.freeze()
    with app.app_context():
        update_where(RefreshToken, RefreshToken.id == signed_in.identity.session_id, generation=7)
        db.session.rollback()

    assert app.extensions["token_cache"].database.journal_depth() == 0


def test_server_restored_from_an_older_state_is_not_trusted(
    app: Flask, user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    epoch = app.extensions["token_cache"].database.state().epoch
    with redis_server.client as client:
        client.save()
    with app.app_context():
        sign_out(signed_in.identity, client=ORIGIN)

    redis_server.kill()
    redis_server.start()

    assert redis_server.client.get(f"refresh_token:{signed_in.identity.session_id}")
    assert refuses(app, signed_in)
    assert app.extensions["token_cache"].database.state().epoch > epoch


def test_flush_raises_the_epoch_so_that_older_values_cannot_be_opened(
    app: Flask, user: User, redis_server: RedisServer
) -> None:
    signed_in = sign_in(app, user)
    key = f"refresh_token:{signed_in.identity.session_id}"
    client = redis_server.client
    old, left = client.get(key), client.pttl(key)
    with app.app_context():
        token_cache.flush()
        sign_out(signed_in.identity, client=ORIGIN)

    client.set(key, old, px=left)

    assert refuses(app, signed_in)
