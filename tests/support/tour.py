"""Everything that authapp does, once: use cases, pages, operations, a worker's round, commands."""

from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

from flask import Flask

from authapp import clock
from authapp.delivery import outbox
from authapp.delivery.deliver import deliver_due
from authapp.models import Scope, User, db
from authapp.services import (
    activity,
    audit,
    audit_chain,
    audit_checkpoints,
    audit_heads,
    audit_verification,
    delete_account,
    export_users,
    jwks_fetches,
    keys,
    list_users,
    purge,
    users,
)
from authapp.services.audit import Filter
from authapp.services.audit_chain import Head
from authapp.services.list_users import Wanted
from authapp.token_cache import token_cache
from tests.api.calling import bearing, begin, new_token
from tests.support.admins import sign_in_administrator
from tests.support.applications import answer_requests
from tests.support.walks import WALKS, Person

METRICS_TOKEN: Final = "pJ4vQ8zKx2RmW7cT1nYb5LsHd9GfUe3A"


def use_cases(app: Flask, clean: Callable[[], None]) -> None:
    """Do everything that changes cached rows, each for a new account; `clean` deletes the old."""
    for walk in WALKS.values():
        with app.app_context():
            walk(Person())
            db.session.remove()
        clean()


def pages(app: Flask) -> None:
    """Open every page without arguments, as an administrator, and those that turn pages."""
    client = app.test_client()
    id = sign_in_administrator(app, client)
    with app.app_context():
        audit_chain.extend()
        event = activity.list_recent(UUID(id))[0].id
    for path in (
        *_paths(app, "GET"),
        f"/account/activity?before={event}",
        f"/admin/users?search=person.1&after={id}",
        f"/admin/users?after={id}",
        f"/admin/users?search={id}",
        f"/admin/users/{id}",
        f"/admin/audit?account={id}&before=900000",
        "/admin/audit?action=role_granted&before=900000",
        "/admin/audit?before=900000",
    ):
        answer = client.get(path, headers=bearing(METRICS_TOKEN) if path == "/metrics" else {})
        assert answer.status_code < 500, path


def operations(app: Flask, user: User) -> None:
    """Call every operation without arguments, as a program, and what other programs ask."""
    client, token = app.test_client(use_cookies=False), new_token(app, user, *Scope)
    session = begin(app, user)
    for headers in (bearing(token), bearing(session.access_token)):
        for path in _paths(app, "GET", below="/api/"):
            assert client.get(path, headers=headers).status_code < 500, path
        client.get("/auth/check", headers=headers)
    for value in (session.access_token, session.refresh_token, token):
        for path in ("/oauth/introspect", "/oauth/revoke"):
            client.post(path, headers=bearing(token), data={"token": value})


def worker(app: Flask) -> None:
    """Do what `flask outbox run` does in one round, with something in the journal."""
    answer_requests(app)
    with app.app_context():
        app.extensions["token_cache"].database.add_to_journal(["token:x"])
        for task in (token_cache.replay_journal, token_cache.mark_database, audit_chain.extend):
            task()
        assert list(deliver_due(lambda _message: True))
        outbox.has_due(outbox.to_endpoint(UUID(int=1)))
        list(deliver_due(lambda _message: True, outbox.to_endpoint(UUID(int=1))))
        delete_account.delete_due()
        audit_heads.HeadReporter().report()
        audit_checkpoints.covers(Head(1, b""))


def commands(app: Flask, user: User) -> None:
    """Do what an operator's commands do."""
    with app.app_context():
        list(purge.purge())
        users.find(user.email)
        users.describe(user.id)
        now = clock.now()
        position = f"{now:%Y-%m-%dT%H:%M:%S.%fZ}_{user.id}"
        for wanted in (Wanted(), Wanted(role="support"), Wanted(created_since=now)):
            list_users.list_users(wanted)
            list_users.list_users(wanted, after=position)
        next(export_users.export(with_password_hashes=True))
        audit_verification.verify()
        audit.list_entries(Filter(account_id=user.id), before=900000)
        next(iter(audit.every_entry()), None)
        jwks_fetches.note("a program", "192.0.2.1", "x")
        jwks_fetches.consumers()
        keys.rewrap(force=True)
        next(iter(users.sign_out_everyone(tokens=True)), None)
        token_cache.statistics()


def _paths(app: Flask, method: str, below: str = "/") -> Iterator[str]:
    for rule in app.url_map.iter_rules():
        if method in rule.methods and not rule.arguments and rule.rule.startswith(below):
            yield rule.rule
