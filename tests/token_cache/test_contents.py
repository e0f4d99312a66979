"""Contents of Redis: the eight key patterns, sealed values, and no byte of any secret."""

import base64
import re
import uuid
from collections.abc import Iterator

from flask import Flask
from flask.testing import FlaskClient

from authapp.domain import phone_codes, signing_keys
from authapp.models import RefreshToken, User, VerificationToken, VerificationType, db
from authapp.services import verify_phone
from authapp.token_cache import token_cache
from tests.support.accounts import HERE, PASSWORD
from tests.support.browsing import cookie, post, sign_in
from tests.support.messages import newest_verification_link
from tests.support.redis import dump
from tests.support.servers import RedisServer
from tests.token_cache.rows import add_token

EMAIL = "new@example.org"
NUMBER = "+12025550123"
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
    "request_budget:[0-9a-f]{64}",
]


def test_keys_follow_the_patterns_and_no_secret_is_stored(
    app: Flask, client: FlaskClient, redis_server: RedisServer
) -> None:
    seen_by_people = use_everything(app, client)
    with app.app_context():
        told = [*seen_by_people, *everything_in_the_database(), signing_keys.signer().private_der]

    held, file = dump(redis_server), redis_server.saved()

    for pattern in PATTERNS:
        assert any(re.fullmatch(pattern, name) for name in held), pattern
    for name, value in held.items():
        assert any(re.fullmatch(pattern, name) for pattern in PATTERNS), name
        assert value[:1] == b"v"
    assert len(told) > 50
    assert all(name.encode() in file for name in held), "the file is not compressed"
    for needle in told:
        for form in forms_of(needle):
            assert form not in file
            assert not any(form in value or form in name.encode() for name, value in held.items())


def use_everything(app: Flask, client: FlaskClient) -> list[bytes]:
    """Register, sign in and read all kinds of tokens; return the secrets shown to the user."""
    post(client, "/register", email=EMAIL, password=PASSWORD)
    link = newest_verification_link(app)
    client.get(link)
    post(client, link)
    client.get("/account")
    with app.app_context():
        user = db.session.query(User).one()
        verify_phone.begin(user.id, NUMBER, "US", client=HERE, replaces=True)
        _, value = add_token(user.id)
        token_cache.get_token_by_value(value)
        token_cache.get_tokens_by_user(user.id)
        token_cache.get_refresh_tokens_by_user(user.id)
        for type in VerificationType:
            token_cache.get_verification_tokens_by_user(user.id, type)
        code = phone_codes.code_of(verify_phone.require_pending(user.id))
    shown = [PASSWORD, NUMBER, code or "", *link.rsplit("/", 1)[1].split("."), value]
    shown += [
        *cookie(client, "access_token").split("."),
        *cookie(client, "refresh_token").split("."),
    ]
    # The first part of a link and of a refresh token is an id, which names a key.
    ids = {str(id) for id in all_ids(app)} | {id.hex for id in all_ids(app)}
    return [each.encode() for each in shown if len(each) >= 6 and each not in ids]


def all_ids(app: Flask) -> list[uuid.UUID]:
    with app.app_context():
        kinds = (RefreshToken, VerificationToken)
        return [id for model in kinds for id in db.session.scalars(db.select(model.id))]


def everything_in_the_database() -> Iterator[bytes]:
    """Yield every text, secret and digest of every row, except those that key names contain."""
    names = {type.encode() for type in VerificationType}
    for table in db.metadata.sorted_tables:
        if table.name.startswith("cache_"):
            continue
        for row in db.session.execute(table.select()):
            for value in row:
                plain = value.encode() if isinstance(value, str) else value
                if isinstance(plain, bytes) and len(plain) >= 6 and plain not in names:
                    yield plain


def forms_of(needle: bytes) -> set[bytes]:
    """Return the encodings of a secret; the first 24 bytes of a long one are enough."""
    begun = needle[:24]
    base64s = {base64.b64encode(begun), base64.urlsafe_b64encode(begun)}
    return {begun, begun.hex().encode(), *(each.rstrip(b"=") for each in base64s)}


def test_every_key_starts_with_the_prefix(make_app, redis_server: RedisServer, user: User) -> None:
    client = make_app(CACHE_KEY_PREFIX="here:").test_client()

    sign_in(client)
    client.get("/account")

    assert dump(redis_server)
    assert all(name.startswith("here:") for name in dump(redis_server))
