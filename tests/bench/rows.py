"""Few rows against many: the rows of other accounts, which one of two deployments has."""

from datetime import timedelta
from itertools import cycle, islice
from uuid import UUID, uuid4

from sqlalchemy import insert

from authapp import clock
from authapp.models import RefreshToken, Token, db
from authapp.security.opaque_tokens import digest, new_secret
from authapp.token_cache import token_cache
from authapp.token_cache.entries import RowEntry
from authapp.token_cache.records import TOKEN, TokenRecord
from tests.bench.load import Script
from tests.bench.ours import Ours, add_accounts, same
from tests.bench.throughput import CONNECTIONS, Subject
from tests.support.servers import RedisServer

BATCH = 2_000
ROWS_OF_AN_ACCOUNT = 10
"""API tokens, and as many sessions: MAX_SESSIONS would end those of an account with many."""

FIELDS = ("id", "user_id", "name", "scopes", "digest", "last_four", "created_at", "expires_at")


def add(redis_server: RedisServer, number: int) -> None:
    """Add so many API tokens and sessions of other accounts, and the tokens to Redis."""
    owners = cycle(add_accounts(-(-number // ROWS_OF_AN_ACCOUNT)).values())
    for start in range(0, number, BATCH):
        batch = [api_token(owner) for owner in islice(owners, min(BATCH, number - start))]
        values = [{name: getattr(each, name) for name in FIELDS} for each in batch]
        sessions = [_session(each.user_id) for each in batch]
        # Past the session's watch over cached rows: no one has read these.
        connection = db.session.connection()
        connection.execute(insert(Token.__table__), values)
        connection.execute(insert(RefreshToken.__table__), sessions)
        db.session.commit()
        fill(redis_server, batch)


def subjects(few: tuple[Ours, int], many: tuple[Ours, int]) -> list[Subject]:
    """Return what is measured on two deployments, each served at a port: one right after the other.

    What the machine does at the time then affects both.
    """
    paired = zip(_scripts(few[0]).items(), _scripts(many[0]).values(), strict=True)
    return [
        subject
        for (path, script_of_few), script_of_many in paired
        for subject in (
            Subject(f"few rows: {path}", few[1], script_of_few),
            Subject(f"many rows: {path}", many[1], script_of_many, f"few rows: {path}"),
        )
    ]


def _scripts(deployment: Ours) -> dict[str, list[Script]]:
    sent = deployment.requests()
    checks = {
        path: same(sent[path], CONNECTIONS) for path in sent if "API" in path or "JWT" in path
    }
    return {**checks, "/api/v1/refresh, each renews": deployment.refreshing(CONNECTIONS)}


def fill(redis_server: RedisServer, tokens: list[TokenRecord]) -> None:
    """Cache tokens, sealed as the product seals them."""
    protocol = token_cache.assembly.backend
    assert protocol is not None
    ticket = protocol.enter()
    with redis_server.client as client:
        pipeline = client.pipeline(transaction=False)
        for each in tokens:
            entry = RowEntry(TOKEN, each.id)
            sealed, milliseconds = protocol.values.seal(ticket.epoch, entry, each)
            pipeline.set(entry.key, sealed, px=milliseconds)
        pipeline.execute()


def api_token(user_id: UUID) -> TokenRecord:
    """Return a new API token of an account, which is in no table."""
    now = clock.now()
    values = {
        "id": uuid4(),
        "user_id": user_id,
        "name": "a script",
        "scopes": "account:read",
        "digest": digest(new_secret()),
        "last_four": "zzzz",
        "created_at": now,
        "expires_at": now + timedelta(days=30),
    }
    return TokenRecord(**{**dict.fromkeys(TokenRecord.__dataclass_fields__), **values})


def _session(user_id: UUID) -> dict[str, object]:
    later = clock.now() + timedelta(days=30)
    return {
        "user_id": user_id,
        "created_address": "192.0.2.1",
        "last_used_address": "192.0.2.1",
        "user_agent": "a browser",
        "expires_at": later,
        "absolute_expires_at": later,
    }
