"""What Redis holds: the eight key patterns, sealed, and not a byte of any secret."""

import re

from flask import Flask
from flask.testing import FlaskClient

from authapp.models import JWTKey, User, VerificationToken, db
from authapp.services import keys
from authapp.token_cache import token_cache
from tests.conftest import PASSWORD
from tests.servers import RedisServer
from tests.token_cache.rows import add_token
from tests.web.browsing import cookie, post, sign_in
from tests.web.test_verify_email import newest_link

UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PATTERNS = [
    f"token:{UUID}",
    f"tokens:user:{UUID}",
    f"jwt_key:{UUID}",
    "jwt_keys",
    f"verification_token:{UUID}",
    f"verification_tokens:user:{UUID}:type:[a-z_]+",
    f"refresh_token:{UUID}",
    f"refresh_tokens:user:{UUID}",
]


def dump(server: RedisServer) -> dict[str, bytes]:
    """Return every key and value that the server holds."""
    with server.client as client:
        return {name.decode(): client.get(name) for name in client.scan_iter()}


def test_keys_are_named_as_agreed_and_values_tell_nothing(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)
    link = newest_link(app)
    client.get(link)
    sign_in(client, "new@example.org")
    client.get("/account")
    with app.app_context():
        user = db.session.query(User).one()
        token, token_value = add_token(user.id)
        token_cache.get_token_by_value(token_value)
        token_cache.get_tokens_by_user(user.id)
        token_cache.get_refresh_tokens_by_user(user.id)
        token_cache.get_verification_tokens_by_user(user.id, "email_verification")
        digests = [token.digest, *db.session.scalars(db.select(VerificationToken.digest))]
        sealed = list(db.session.scalars(db.select(JWTKey.private_sealed)))
        private = keys.signer().private_der
        public = [key.public_jwk.encode() for key in keys.list_keys()]

    held = dump(redis_server)

    for pattern in PATTERNS:
        assert any(re.fullmatch(pattern, name) for name in held), pattern
    for name in held:
        assert any(re.fullmatch(pattern, name) for pattern in PATTERNS), name
    secrets = [link.rsplit("/", 1)[1], token_value, user.email, user.password_hash]
    secrets += [cookie(client, "access_token"), cookie(client, "refresh_token")]
    needles = [secret.encode() for secret in secrets] + digests + sealed + public + [private]
    for value in held.values():
        assert value[:1] == b"v"
        for needle in needles:
            assert needle not in value
            assert needle[:24] not in value
            assert needle.hex().encode() not in value


def test_a_prefix_stands_before_every_key(make_app, redis_server: RedisServer, user: User) -> None:
    client = make_app(CACHE_KEY_PREFIX="here:").test_client()

    sign_in(client)

    assert dump(redis_server)
    assert all(name.startswith("here:") for name in dump(redis_server))
