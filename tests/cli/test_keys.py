"""`flask keys`, and the keys that other programs see."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jwt import PyJWKClient
from sqlalchemy import select

from authapp.domain import key_encryption
from authapp.models import JWTKey, KeyState, User, db
from authapp.security import keyring
from authapp.services import keys
from tests.api.calling import begin
from tests.support.signing_keys import key_states, run_keys

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def published(client: FlaskClient) -> list[dict[str, str]]:
    answer = client.get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    return answer.get_json()["keys"]


def test_a_key_moves_from_next_to_active_to_retired(app: Flask, client: FlaskClient) -> None:
    assert key_states(app) == ["active", "next"]
    before = {key["kid"] for key in published(client)}

    code, output = run_keys(app, "rotate", "--force")

    assert code == 0
    assert key_states(app) == ["active", "next", "retired"]
    assert before < {key["kid"] for key in published(client)}
    assert output.split()[0] in before


def test_a_revoked_key_is_no_longer_published(app: Flask, client: FlaskClient) -> None:
    kid = published(client)[0]["kid"]

    assert run_keys(app, "revoke", kid)[0] == 0

    assert kid not in {key["kid"] for key in published(client)}
    assert len(published(client)) == 2


def sign_with(app: Flask, pair: keyring.KeyPair) -> None:
    """Replace the staged key with the given one and rotate to it."""
    with app.app_context():
        staged = db.session.scalars(select(JWTKey).where(JWTKey.state == KeyState.NEXT)).one()
        staged.kid, staged.algorithm = pair.kid, pair.algorithm
        staged.public_jwk, staged.private_sealed = pair.public_jwk, key_encryption.seal(pair)
        db.session.commit()
        keys.rotate(force=True)


@pytest.mark.parametrize("start", ["-", "--"])
def test_a_key_whose_id_begins_with_a_dash_is_explained_and_revoked(
    app: Flask, client: FlaskClient, user: User, start: str
) -> None:
    pairs = iter(lambda: keyring.generate("EdDSA"), None)
    pair = next(pair for pair in pairs if pair.kid.startswith(start))
    sign_with(app, pair)
    token = begin(app, user).access_token
    header = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/me", headers=header).status_code == 200

    explained = app.test_cli_runner().invoke(args=["tokens", "explain", pair.kid])
    revoked = run_keys(app, "revoke", pair.kid)

    assert explained.exit_code == 0, explained.output
    assert revoked == (0, f"revoked {pair.kid}\n")
    assert client.get("/api/v1/me", headers=header).status_code == 401


def test_private_key_parts_are_never_published(app: Flask, client: FlaskClient) -> None:
    for key in published(client):
        assert not PRIVATE_MEMBERS & set(key)
        assert key["use"] == "sig"
        assert key["kid"]
        assert key["alg"] == "RS256"


def test_a_kid_is_the_thumbprint_of_its_key(app: Flask, client: FlaskClient) -> None:
    for key in published(client):
        assert keys.keyring.thumbprint(key) == key["kid"]


def test_a_retired_key_is_pruned_once_its_tokens_have_expired(app: Flask, move_time) -> None:
    run_keys(app, "rotate", "--force")
    assert run_keys(app, "prune")[1].startswith("no key can be deleted")

    with move_time(minutes=12):
        assert "deleted" in run_keys(app, "prune")[1]
        assert key_states(app) == ["active", "next"]


@pytest.mark.parametrize("arguments", [["revoke", "nobody"], ["stage"], ["revoke", "\x00\udcff"]])
def test_a_refusal_is_one_line_and_exit_code_1(app: Flask, arguments: list[str]) -> None:
    code, output = run_keys(app, *arguments)

    assert code == 1
    assert output.startswith("Error: ")
    assert len(output.splitlines()) == 1


def test_an_unmigrated_database_is_reported_in_one_line(make_app, tmp_path) -> None:
    code, output = run_keys(make_app(DATABASE_URL=f"sqlite:///{tmp_path / 'empty.db'}"), "list")

    assert code == 3
    assert "flask db upgrade" in output
    assert len(output.splitlines()) == 1


def test_another_program_can_load_the_published_keys(live_server: str, app: Flask) -> None:
    fetched = PyJWKClient(f"{live_server}/.well-known/jwks.json").get_signing_keys()

    with app.app_context():
        assert {key.key_id for key in fetched} == {key.kid for key in keys.list_keys()}
