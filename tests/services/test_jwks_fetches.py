"""The record of programs that fetch the published keys."""

import unicodedata
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from authapp.models import JWKSFetch, db
from authapp.services import jwks_fetches
from tests.support.servers import RedisServer
from tests.support.signing_keys import fetch_keys

pytestmark = pytest.mark.usefixtures("context")


def names() -> set[str]:
    db.session.expire_all()
    return {each.consumer for each in jwks_fetches.consumers()}


def test_each_program_is_recorded_with_the_newest_key_it_fetched(client: FlaskClient) -> None:
    fetch_keys(client, "billing/1.0")
    fetch_keys(client, "search/2.0")

    found = jwks_fetches.consumers()

    newest = {key["kid"] for key in client.get("/.well-known/jwks.json").json["keys"]}
    assert {each.consumer for each in found} == {"billing/1.0", "search/2.0"}
    assert {each.address for each in found} == {"127.0.0.1"}
    assert {each.newest_kid for each in found} <= newest


def test_a_program_that_gets_304_is_recorded_too(client: FlaskClient) -> None:
    etag = client.get("/.well-known/jwks.json").headers["ETag"]

    assert fetch_keys(client, "billing/1.0", **{"If-None-Match": etag}) == 304
    assert names() == {"billing/1.0"}


def test_frequent_fetches_cost_one_write_a_minute(
    client: FlaskClient, app: Flask, move_time: Callable
) -> None:
    written: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *of: written.append(of[2]))

    for _ in range(20):
        fetch_keys(client, "billing/1.0")
    assert len([each for each in written if each.startswith("INSERT INTO jwks_fetches")]) == 1
    assert not [each for each in written if each.startswith("UPDATE jwks_fetches SET")][1:]

    with move_time(minutes=2):
        fetch_keys(client, "billing/1.0")
        (found,) = jwks_fetches.consumers()
        db.session.refresh(found)
        assert found.last_at > found.first_at


@pytest.mark.parametrize("program", ["", "x" * 5000, "\x00\x07\x1b[31m", "é\ud83d"])
def test_any_user_agent_is_stored_as_harmless_text(client: FlaskClient, program: str) -> None:
    raw = program.encode("utf-8", "surrogatepass").decode("latin-1")
    status = client.get("/.well-known/jwks.json", environ_overrides={"HTTP_USER_AGENT": raw})

    status.close()
    (name,) = names()
    assert status.status_code == 200
    assert 0 < len(name) <= 200
    assert not [each for each in name if unicodedata.category(each) == "Cc"]


def test_the_number_of_recorded_programs_is_limited(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks_fetches, "MOST_KEPT", 10)

    for number in range(jwks_fetches.MOST_NOTED + 50):
        fetch_keys(client, f"flood/{number}")

    assert len(names()) == 10
    assert f"flood/{jwks_fetches.MOST_NOTED}" not in names()


def test_a_flood_does_not_displace_a_regular_program(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, move_time: Callable
) -> None:
    monkeypatch.setattr(jwks_fetches, "MOST_KEPT", 5)
    fetch_keys(client, "billing/1.0")

    with move_time(minutes=5):
        fetch_keys(client, "billing/1.0")
        for number in range(50):
            fetch_keys(client, f"flood/{number}")

        assert "billing/1.0" in names()
        assert len(names()) == 5


def test_a_program_absent_for_a_month_is_removed(client: FlaskClient, move_time: Callable) -> None:
    fetch_keys(client, "gone/1.0")

    with move_time(days=31):
        fetch_keys(client, "billing/1.0")

        assert names() == {"billing/1.0"}


def test_the_keys_are_served_when_fetches_cannot_be_recorded_and_the_outage_is_logged_once(
    client: FlaskClient,
    lose_database: Callable[[], None],
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fetch_keys(client, "billing/1.0")
    lose_database()

    statuses = [fetch_keys(client, program) for program in ("search/2.0", "reports/1.0")]

    assert statuses == [200, 200]
    logged = [each for each in caplog.messages if "database" in each or "jwks" in each]
    assert logged == ["database_unavailable"]


def test_two_processes_record_a_program_once(make_app: Callable[..., Flask]) -> None:
    for app in (make_app(), make_app()):
        fetch_keys(app.test_client(), "billing/1.0")

    assert db.session.query(JWKSFetch).count() == 1
