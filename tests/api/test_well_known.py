"""The `.well-known` documents that other programs read."""

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from authapp.models import Scope, User
from authapp.services import jwks_fetches
from tests.api.calling import bearing, new_token
from tests.support.signing_keys import run_keys

PATH = "/.well-known/oauth-authorization-server"


def test_the_metadata_describes_the_server(client: FlaskClient) -> None:
    told = client.get(PATH).json

    assert told["issuer"] == "http://127.0.0.1:5000"
    assert told["introspection_endpoint_auth_methods_supported"] == ["Bearer"]
    assert told["revocation_endpoint_auth_methods_supported"] == ["none"]
    assert told["response_types_supported"] == told["grant_types_supported"] == []
    assert "introspect" in told["scopes_supported"]


def test_every_url_in_the_metadata_exists(client: FlaskClient) -> None:
    told = client.get(PATH).json
    paths = {
        name: value.removeprefix("http://127.0.0.1:5000")
        for name, value in told.items()
        if name.endswith(("_uri", "_endpoint"))
    }

    with client.get(paths.pop("jwks_uri")) as keys:
        assert keys.status_code == 200
    assert set(paths) == {"introspection_endpoint", "revocation_endpoint"}
    for path in paths.values():
        assert client.get(path).status_code == 405


def test_the_metadata_follows_the_settings(make_app: Callable[..., Flask]) -> None:
    app = make_app(JWT_ISSUER="https://issuer.example", PUBLIC_URL="https://accounts.example.org")

    told = app.test_client().get(PATH).json

    assert told["issuer"] == "https://issuer.example"
    assert told["jwks_uri"] == "https://accounts.example.org/.well-known/jwks.json"


def test_unchanged_keys_are_not_sent_again(client: FlaskClient) -> None:
    with client.get("/.well-known/jwks.json") as first:
        etag = first.headers["ETag"]
    with client.get("/.well-known/jwks.json", headers={"If-None-Match": etag}) as again:
        assert again.status_code == 304
        assert again.get_data() == b""
        assert again.headers["Cache-Control"] == "public, max-age=300"
    assert run_keys(client.application, "rotate", "--force")[0] == 0
    with client.get("/.well-known/jwks.json", headers={"If-None-Match": etag}) as after:
        assert after.status_code == 200
        assert after.headers["ETag"] != etag


def test_a_program_with_an_api_token_is_recorded_under_the_tokens_name(
    app: Flask, client: FlaskClient, user: User
) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ, name="Billing é")

    for value in (token, "aut_nonsense", "x"):
        with client.get("/.well-known/jwks.json", headers=bearing(value)) as answer:
            assert answer.status_code == 200

    with app.app_context():
        names = {each.consumer for each in jwks_fetches.consumers()}
    (named,) = [name for name in names if name.startswith("Billing é (API token ")]
    assert token not in named
    assert len(names) == 2
