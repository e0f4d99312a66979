"""`flask users`: managing accounts as an operator."""

import json
import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery import outbox
from authapp.domain import activity
from authapp.models import Activity, EndReason, OutboxMessage, Scope, User, db
from authapp.services import api_tokens, users
from authapp.token_cache import token_cache
from tests.api.calling import bearing, begin, new_token, without_cookies
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import is_signed_in, post, sign_in
from tests.support.on_sqlite import on_sqlite

EMAIL = "somebody@example.org"


def run(app: Flask, *arguments: str, typed: str = "") -> tuple[int, str]:
    ended = app.test_cli_runner().invoke(args=["users", *arguments], input=typed)
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return ended.exit_code, ended.output


def reason_told(client: FlaskClient) -> str:
    html = client.get("/login").get_data(as_text=True)
    return re.findall(r'<p class="lead">(.*?)</p>', html, re.DOTALL)[0]


def newest_mail(app: Flask) -> OutboxMessage:
    with app.app_context():
        return outbox.list_recent()[0]


def link_in(mail: OutboxMessage) -> str:
    """Return the path of the link in an invitation."""
    link = re.search(r"http://[^/]+(/invitation/\S+)", mail.body)
    assert link
    return link[1]


def test_the_recipient_of_the_invitation_sets_the_password(app: Flask, client: FlaskClient) -> None:
    code, output = run(app, "invite", "New@Example.org", "--role", "support", "--language", "de")

    assert code == 0, output
    mail = newest_mail(app)
    assert (mail.recipient, mail.message) == ("New@example.org", "invitation")
    assert "Passwort" in mail.body
    page = client.get(link_in(mail)).headers["Location"]
    chosen = post(client, "/invitation", page, new_password=PASSWORD)
    assert chosen.headers["Location"] == "/account"
    assert is_signed_in(client)
    assert client.get("/auth/check").headers["X-Auth-Roles"] == "support"
    sign_in(app.test_client(), "new@example.org")


def test_the_invitation_is_in_the_language_of_its_recipient(make_app: Callable[..., Flask]) -> None:
    app = make_app(LANGUAGES="en,de,fr")

    for language, stored in (("de-at", "de_AT"), ("fr", "fr"), (None, None)):
        address = f"{stored}@example.org"
        chosen = ["--language", language] if language else []
        code, output = run(app, "invite", address, *chosen)
        assert code == 0, output
        with app.app_context():
            assert users.find(address).language == (stored and stored.replace("_", "-"))
    with app.app_context():
        subjects = [mail.subject for mail in outbox.list_recent()]
    assert len(set(subjects)) == 3
    assert "Choose a password" in subjects[0]


@on_sqlite
@pytest.mark.parametrize("language", ["xx", "es", "", "de; drop", "-"])
def test_an_invitation_in_a_language_that_is_not_offered_is_refused(
    make_app: Callable[..., Flask], language: str
) -> None:
    app = make_app(LANGUAGES="en,de")

    code, output = run(app, "invite", "new@example.org", f"--language={language}")

    assert code == 1
    assert "LANGUAGES has en, de" in output
    with app.app_context():
        assert db.session.query(User).count() == 0


def test_an_invitation_is_valid_for_three_days(
    app: Flask, client: FlaskClient, move_time: Callable[..., object]
) -> None:
    run(app, "invite", "new@example.org")
    link = link_in(newest_mail(app))

    with move_time(hours=71):
        client.get(link)
        assert client.get("/invitation").status_code == 200
    with move_time(hours=73):
        assert client.get("/invitation").status_code == 410


@pytest.mark.parametrize("address", [EMAIL, " SOMEBODY@example.org", "nonsense", "", "a\n@b", "é@"])
def test_a_duplicate_or_invalid_address_is_refused(app: Flask, user: User, address: str) -> None:
    code, output = run(app, "invite", "--", address)

    assert code == 1
    assert len(output.splitlines()) == 1


@pytest.mark.parametrize("command", ["show", "disable", "enable", "sign-out", "delete"])
@pytest.mark.parametrize(
    "who",
    ["nobody@example.org", str(UUID(int=1)), "", "x" * 5000, "a\nb\x1b[31m", "\udcff", "%", "--"],
)
def test_an_unknown_user_is_reported_in_one_line_with_exit_code_1(
    app: Flask, user: User, command: str, who: str
) -> None:
    code, output = run(app, command, "--", who)

    assert code == 1
    assert len(output.splitlines()) == 1
    assert output.isascii()
    assert "\x1b" not in output


def test_show_prints_the_account_state_and_why_sessions_ended(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    sign_in(client := app.test_client())
    post(client, "/logout", page="/account")

    code, output = run(app, "show", EMAIL, "--json")
    _, text = run(app, "show", str(user.id))

    shown = json.loads(output)
    assert code == 0
    assert shown["id"] == str(user.id)
    assert shown["state"] == "active"
    assert sorted(each["state"] for each in shown["sessions"]) == ["active", "signed_out"]
    assert shown["activity"][0]["activity"] == Activity.SIGNED_OUT
    assert "password_hash" not in output
    assert "state=signed_out" in text
    assert "tokens: none" in text


def test_user_text_is_escaped_for_the_terminal(app: Flask, user: User) -> None:
    with app.app_context():
        activity.note(user.id, Activity.SIGNED_IN, HERE, name="\x1b]0;owned\x07")
        db.session.commit()

    _, text = run(app, "show", EMAIL)

    assert "\x1b" not in text
    assert "owned" in text


def test_disabling_voids_pending_links(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    post(client, "/account/email", email="thief@example.org")
    with app.app_context():
        bodies = "\n".join(mail.body for mail in outbox.list_recent())
    link = re.search(r"http://[^/]+(/account/email/\S+)", bodies)
    assert link

    assert run(app, "disable", EMAIL)[0] == 0
    assert run(app, "enable", EMAIL)[0] == 0

    assert client.get(link[1]).status_code == 410


def test_disabling_ends_all_access_at_once_and_enabling_restores_sign_in(
    app: Flask, client: FlaskClient, make_app: Callable[..., Flask], user: User
) -> None:
    sign_in(client)
    with app.app_context():
        token = api_tokens.create(
            user.id, name="x", scopes=[Scope.ACCOUNT_READ], expires_at=None, client=HERE
        )
    operator = make_app()

    code, output = run(operator, "disable", EMAIL)

    assert (code, output) == (0, f"disabled {user.id}\n")
    assert not is_signed_in(client)
    assert reason_told(client).startswith("You were signed out because your account was disabled.")
    with app.app_context():
        assert token_cache.get_token_by_id(token.id).revoke_reason == EndReason.DISABLED
    refused = post(client, "/login", email=EMAIL, password=PASSWORD)
    assert refused.status_code == 422
    assert "disabled since" in run(operator, "show", EMAIL)[1]

    assert run(operator, "enable", str(user.id))[0] == 0
    sign_in(client)
    assert is_signed_in(client)


def test_signing_out_reports_the_number_of_sessions_and_the_cause(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    sign_in(app.test_client())

    code, output = run(app, "sign-out", EMAIL)

    assert (code, output) == (0, "sessions ended: 2\n")
    assert reason_told(client).startswith("You were signed out by an administrator.")
    assert run(app, "sign-out", EMAIL) == (0, "sessions ended: 0\n")


def test_signing_out_can_revoke_api_tokens_and_links_too(
    app: Flask, client: FlaskClient, user: User
) -> None:
    token = new_token(app, user, Scope.ACCOUNT_READ)
    sign_in(client)

    code, output = run(app, "sign-out", EMAIL, "--tokens")

    assert (code, output) == (0, "sessions ended: 1\nAPI tokens revoked: 1\n")
    assert client.get("/api/v1/me", headers=bearing(token)).status_code == 401


def test_everyone_is_signed_out_after_confirmation(
    app: Flask, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "_BATCH", 2)
    clients = []
    for number in range(5):
        with app.app_context():
            someone = add_user(f"person-{number}@example.org")
        clients.append(app.test_client())
        sign_in(clients[-1], someone.email)
    token = new_token(app, user, Scope.ACCOUNT_READ)

    refused = run(app, "sign-out", "--all", "--tokens", typed="n\n")
    assert refused[0] == 1
    assert all(is_signed_in(each) for each in clients)

    code, output = run(app, "sign-out", "--all", "--tokens", "--yes")

    assert code == 0, output
    assert output.endswith("sessions ended: 5\nAPI tokens revoked: 1\n")
    assert not any(is_signed_in(each) for each in clients)
    assert app.test_client().get("/api/v1/me", headers=bearing(token)).status_code == 401
    assert run(app, "sign-out", "--all", "--yes")[1].endswith("sessions ended: 0\n")


@pytest.mark.parametrize("arguments", [[], [EMAIL, "--all"]])
def test_signing_out_takes_one_account_or_all(app: Flask, user: User, arguments: list[str]) -> None:
    code, output = run(app, "sign-out", *arguments)

    assert code == 2
    assert "pass either ADDRESS-OR-ID or --all" in output


def test_deleting_asks_for_confirmation_and_removes_everything(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)

    declined, _ = run(app, "delete", EMAIL, typed="n\n")
    assert declined == 1
    assert is_signed_in(client)

    code, output = run(app, "delete", EMAIL, typed="y\n")
    assert code == 0
    assert output.endswith(f"deleted {user.id}\n")
    assert not is_signed_in(client)
    assert reason_told(client).startswith("Your session has ended.")
    with app.app_context():
        assert db.session.get(User, user.id) is None
        assert token_cache.get_refresh_tokens_by_user(user.id) == []


def test_deleting_with_yes_asks_no_question(app: Flask, user: User) -> None:
    assert run(app, "delete", "--yes", EMAIL) == (0, f"deleted {user.id}\n")
    assert run(app, "delete", "--yes", EMAIL)[0] == 1


def test_an_operator_grants_and_withdraws_the_scope_for_introspection(
    app: Flask, user: User
) -> None:
    other, gateway = new_token(app, user, Scope.ACCOUNT_READ), "gateway@example.org"
    program = without_cookies(app)

    def introspect(value: str) -> int:
        form = {"token": other}
        return program.post("/oauth/introspect", data=form, headers=bearing(value)).status_code

    with app.app_context():
        owner = add_user(gateway)
    assert run(app, "grant", gateway, "--scope", "introspect")[0] == 0
    assert json.loads(run(app, "show", gateway, "--json")[1])["granted_scopes"] == "introspect"
    with app.app_context():
        value = api_tokens.create(
            owner.id, name="gateway", scopes=["introspect"], expires_at=None, client=HERE
        ).value
    assert introspect(value) == 200

    assert run(app, "withdraw", gateway, "--scope", "introspect") == (0, "API tokens revoked: 1\n")

    assert introspect(value) == 401
    session = begin(app, owner)
    body = {"name": "x", "scopes": ["introspect"], "expires_at": None}
    answer = program.post("/api/v1/tokens", json=body, headers=bearing(session.access_token))
    assert (answer.status_code, answer.json["type"]) == (403, "urn:authapp:problem:not-allowed")


def test_a_role_or_a_scope_is_granted_and_withdrawn(app: Flask, user: User) -> None:
    assert run(app, "grant", EMAIL, "support") == (0, f"granted support to {user.id}\n")
    assert json.loads(run(app, "show", EMAIL, "--json")[1])["roles"] == ["support"]
    assert "roles                     support\n" in run(app, "show", EMAIL)[1]
    assert run(app, "withdraw", EMAIL, "support") == (0, f"withdrew support from {user.id}\n")

    again = run(app, "withdraw", EMAIL, "support")
    assert again == (1, "Error: the account does not have the role support\n")


@on_sqlite
@pytest.mark.parametrize(
    "arguments", [[], ["support", "--scope", "introspect"], ["Support"], ["--", "-x"]]
)
@pytest.mark.parametrize("command", ["grant", "withdraw"])
def test_either_a_role_or_a_scope_is_named(
    app: Flask, user: User, command: str, arguments: list[str]
) -> None:
    assert run(app, command, EMAIL, *arguments)[0] == 2


def test_an_operator_sends_a_link_to_reset_the_password(
    app: Flask, client: FlaskClient, user: User
) -> None:
    code, output = run(app, "send-reset", EMAIL)

    mail = newest_mail(app)
    link = re.search(r"http://[^/]+(/password/reset/\S+)", mail.body)
    assert (code, output) == (0, f"{user.id} will receive a link to reset the password\n")
    assert mail.body.lstrip().startswith("An administrator sent you this email")
    assert "Device" not in mail.body
    client.get(link[1])
    changed = post(client, "/password/reset/new", new_password="another four unrelated words")
    assert changed.status_code == 303
    run(app, "disable", EMAIL)
    assert run(app, "send-reset", EMAIL)[0] == 1


def test_an_invitation_is_sent_again_until_it_is_accepted(app: Flask, user: User) -> None:
    run(app, "invite", "new@example.org")
    first = link_in(newest_mail(app))

    code, _ = run(app, "re-invite", "new@example.org")

    assert code == 0
    assert link_in(newest_mail(app)) != first
    refused = run(app, "re-invite", EMAIL)
    assert refused[0] == 1
    assert "send a link to reset the password instead" in refused[1]


def test_an_account_that_registered_cannot_be_invited_again(
    app: Flask, client: FlaskClient
) -> None:
    post(client, "/register", email="new@example.org", password=PASSWORD)

    refused = run(app, "re-invite", "new@example.org")

    assert refused[0] == 1
    assert "new@example.org registered without an invitation: invite it instead" in refused[1]


@pytest.mark.parametrize(
    ("option", "value", "code"), [("--role", "Not a role", 2), ("--language", "xx", 1)]
)
def test_nothing_is_created_with_a_role_or_language_that_is_refused(
    app: Flask, option: str, value: str, code: int
) -> None:
    refused = run(app, "invite", "new@example.org", option, value)

    assert refused[0] == code
    assert run(app, "show", "new@example.org")[0] == 1
