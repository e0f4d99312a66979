"""`flask tokens explain`."""

from uuid import UUID

import pytest
from flask import Flask

from authapp.domain.api_tokens import find
from authapp.domain.sessions import SignedIn
from authapp.models import (
    JWTKey,
    RefreshToken,
    Token,
    User,
    VerificationToken,
    VerificationType,
    db,
)
from authapp.security.opaque_tokens import make_api_token, make_link_token, new_secret
from authapp.services import api_tokens, keys, sign_out
from tests.api.calling import PROGRAM, begin, new_token
from tests.token_cache.rows import add_link


def run(app: Flask, text: str, *, piped: bool = False) -> tuple[int, dict[str, str] | str]:
    """Return the exit code with the printed fields, or with the output of a failure."""
    argument, input = ("-", text + "\n") if piped else (text, None)
    ended = app.test_cli_runner().invoke(args=["tokens", "explain", argument], input=input)
    assert ended.exception is None or isinstance(ended.exception, SystemExit)
    assert len(text) < 60 or text not in ended.output
    if ended.exit_code:
        return ended.exit_code, ended.output
    return 0, {line[:18].strip(): line[18:] for line in ended.stdout.splitlines()}


def explain(app: Flask, text: str) -> dict[str, str]:
    code, said = run(app, text)
    assert code == 0, said
    return said


def test_an_api_token_is_explained_by_value_and_by_id(app: Flask, user: User) -> None:
    value = new_token(app, user, "tokens:read", name="deploy")

    said = explain(app, value)

    assert said["kind"] == "API token"
    assert said["state"] == "valid"
    assert said["account"] == str(user.id)
    assert (said["name"], said["scopes"], said["last four"]) == (
        "deploy", "tokens:read", value[-4:],
    )  # fmt: skip
    assert explain(app, said["id"]) == said


def test_a_revoked_token_is_explained_with_reason_and_time(app: Flask, user: User) -> None:
    value = new_token(app, user, "tokens:read")
    with app.app_context():
        token = find(value)
        api_tokens.revoke(user.id, token.id, client=PROGRAM)

    said = explain(app, value)

    assert said["state"] == "invalid: revoked"
    assert said["revoked"]


def test_a_correct_id_with_a_wrong_secret_is_reported_as_forged(app: Flask, user: User) -> None:
    with app.app_context():
        token = find(new_token(app, user, "tokens:read"))
        link = add_link(user.id)[0]
        ids = token.id, link.id

    for value in (
        make_api_token("aut", ids[0], new_secret()),
        make_link_token(ids[1], new_secret()),
    ):
        assert explain(app, value)["state"] == "invalid: forged"


@pytest.fixture
def session(app: Flask, user: User) -> SignedIn:
    return begin(app, user)


def test_session_tokens_are_explained_with_how_the_session_ended(
    app: Flask, session: SignedIn
) -> None:
    identity = session.identity
    for value, kind in (
        (session.access_token, "access token"),
        (session.refresh_token, "refresh token"),
    ):
        said = explain(app, value)
        assert (said["kind"], said["state"]) == (kind, "valid")
        assert (said["id"], said["account"]) == (str(identity.session_id), str(identity.user_id))
    with app.app_context():
        sign_out.sign_out(identity, client=PROGRAM)

    for value in (session.access_token, session.refresh_token, str(identity.session_id)):
        assert explain(app, value)["state"] == "invalid: signed_out"


def test_an_expired_or_altered_access_token_is_reported_as_such(
    app: Flask, session: SignedIn, move_time
) -> None:
    head, payload, _ = session.access_token.split(".")

    assert explain(app, f"{head}.{payload}.AAAA")["state"] == "invalid: forged"
    with move_time(minutes=20):
        assert explain(app, session.access_token)["state"] == "invalid: expired"


def test_a_key_is_explained_by_its_kid_and_its_tokens_by_the_key(
    app: Flask, session: SignedIn
) -> None:
    kid = explain(app, session.access_token)["key"]
    with app.app_context():
        keys.revoke(kid)

    said = explain(app, kid)

    assert (said["kind"], said["state"], said["account"]) == (
        "signing key",
        "invalid: revoked",
        "-",
    )
    assert explain(app, session.access_token)["state"] == "invalid: key revoked"
    assert explain(app, said["id"]) == said


def test_a_link_is_explained(app: Flask, user: User, move_time) -> None:
    with app.app_context():
        value = add_link(user.id, type=VerificationType.PASSWORD_RESET)[1]

    said = explain(app, value)

    assert (said["kind"], said["state"], said["for"]) == (
        "link or code", "valid", VerificationType.PASSWORD_RESET,
    )  # fmt: skip
    with move_time(days=1):
        assert explain(app, value)["state"] == "invalid: expired"


def test_a_token_can_be_piped_in(app: Flask, user: User) -> None:
    value = new_token(app, user, "tokens:read")

    assert run(app, value, piped=True) == run(app, value)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-x", str(UUID(int=1)), "aut_" + "0" * 71, "a.b", "a.0.c", "a.b.c", "\udcff",
     "\x00" * 43, "x" * 9000, make_api_token("aut", UUID(int=1), bytes(32)),
     make_link_token(UUID(int=1), bytes(32))],
)  # fmt: skip
def test_an_unrecognized_value_is_reported_in_one_line(app: Flask, text: str) -> None:
    code, output = run(app, text)

    assert code == 1
    assert output == "Error: neither a token of this site nor the id of one\n"


def test_stored_secrets_are_never_printed(app: Flask, user: User, session: SignedIn) -> None:
    new_token(app, user, "tokens:read")
    with app.app_context():
        add_link(user.id)
        rows = [
            row
            for model in (Token, RefreshToken, VerificationToken, JWTKey)
            for row in db.session.scalars(db.select(model))
        ]
        kept = [value for row in rows for value in vars(row).values() if isinstance(value, bytes)]
        ids = [str(row.id) for row in rows]

    told = [str(explain(app, id)) for id in ids]

    assert len(kept) >= 3
    assert not any(
        repr(secret)[2:-1] in said or secret.hex() in said for secret in kept for said in told
    )
