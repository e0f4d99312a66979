"""The operators' pages."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from authapp.delivery.sealing import open_message
from authapp.domain import account_status
from authapp.domain import roles as held_roles
from authapp.domain.roles import ADMIN
from authapp.models import AuditEntry, OutboxMessage, User, db
from authapp.models.transaction import transaction
from authapp.services import audit_chain, invitations, roles
from tests.support.accounts import PASSWORD, add_user
from tests.support.admins import sign_in_administrator
from tests.support.audit import audited, extend_chain
from tests.support.browsing import is_signed_in, post, sign_in
from tests.support.second_factors import code_of, enroll

pytestmark = pytest.mark.usefixtures("new_hour")

PAGES = ["", "/users", "/users/{id}", "/users/{id}/disable", "/keys", "/outbox", "/audit"]


@pytest.fixture
def admin_id(app: Flask, client: FlaskClient) -> str:
    """The account of the administrator as whom the client is signed in."""
    return sign_in_administrator(app, client)


def text_of(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_do_not_exist_for_others(client: FlaskClient, user: User, page: str) -> None:
    sign_in(client)

    assert client.get(f"/admin{page.format(id=user.id)}").status_code == 404
    assert "Administration" not in text_of(client, "/account")


def test_others_cannot_act(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)

    answer = post(client, f"/admin/users/{user.id}/disable", page="/account")

    assert answer.status_code == 404
    assert is_signed_in(client)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_asks_to_confirm_after_a_while(
    client: FlaskClient, user: User, admin_id: str, page: str, move_time: Callable
) -> None:
    path = f"/admin{page.format(id=user.id)}"
    text_of(client, path)

    with move_time(minutes=16):
        answer = client.get(path)

    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/account/confirm?next=")


def test_without_the_role_the_pages_are_gone_at_once(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    assert "Administration" in text_of(client, "/account")
    with app.app_context():
        roles.withdraw(UUID(admin_id), ADMIN)

    assert client.get("/admin").status_code == 404


def test_an_administrator_sets_up_a_second_factor_first(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        roles.grant(user.id, ADMIN)

    asked = post(client, "/login", email=user.email, password=PASSWORD)

    enroll = asked.headers["Location"]
    assert enroll.startswith("/login/enroll?flow=")
    assert client.get("/admin").status_code == 303
    page = client.get(post(client, enroll).headers["Location"])
    secret = re.search(r"secret=([A-Z2-7]+)", page.get_data(as_text=True))
    post(client, page.request.full_path, code=code_of(secret[1], steps=0))
    assert client.get("/admin").status_code == 200


def hold_role(user: User) -> None:
    """Give an account the role as an earlier release did: its sessions go on."""
    with transaction():
        held_roles.add(account_status.lock(user.id), ADMIN)


def test_a_session_from_before_the_rule_ends_without_a_second_factor(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        hold_role(user)

    answer = client.get("/admin")

    assert answer.headers["Location"] == "/login?next=/admin"
    assert not is_signed_in(client)
    asked = post(client, "/login?next=/admin", email=user.email, password=PASSWORD)
    assert asked.headers["Location"].startswith("/login/enroll?")


def test_a_session_from_before_the_rule_adds_the_second_factor(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    with app.app_context():
        hold_role(user)
        secret, _ = enroll(user.id)

    asked = client.get("/admin").headers["Location"]

    assert asked == "/account/confirm?next=/admin"
    assert 'name="password"' not in text_of(client, asked)
    assert post(client, asked, password=PASSWORD).status_code == 422
    assert client.get("/admin").status_code == 303
    assert post(client, asked, code=code_of(secret)).headers["Location"] == "/admin"
    assert client.get("/admin").status_code == 200


def test_a_password_refreshes_such_a_session_for_the_account_alone(
    app: Flask, client: FlaskClient, user: User, move_time: Callable
) -> None:
    sign_in(client)
    with app.app_context():
        hold_role(user)
        enroll(user.id)

    with move_time(hours=1):
        asked = client.get("/account/sessions").headers["Location"]
        assert asked == "/account/confirm?next=/account/sessions"

        assert post(client, asked, password=PASSWORD).headers["Location"] == "/account/sessions"

        assert client.get("/account/sessions").status_code == 200
        assert client.get("/admin").headers["Location"] == "/account/confirm?next=/admin"


def test_a_password_alone_opens_the_pages_if_the_setting_says_so(
    make_app: Callable[..., Flask], user: User
) -> None:
    app = make_app(SECOND_FACTOR_ROLES="none")
    client = app.test_client()
    with app.app_context():
        roles.grant(user.id, ADMIN)

    sign_in(client)

    assert client.get("/admin").status_code == 200


def test_a_disabled_account_is_signed_out_and_the_act_is_the_administrators(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    owner = app.test_client()
    sign_in(owner)

    answer = post(client, f"/admin/users/{user.id}/disable")

    assert answer.headers["Location"] == f"/admin/users/{user.id}"
    assert not is_signed_in(owner)
    assert "The account has been disabled." in text_of(client, f"/admin/users/{user.id}")
    with app.app_context():
        assert audited()[-3:] == [
            (f"admin:{admin_id}", "command"),
            (f"admin:{admin_id}", "session_ended"),
            (f"admin:{admin_id}", "account_disabled"),
        ]
        (command,) = db.session.scalars(db.select(AuditEntry).filter_by(action="command"))
        assert (command.account_id, command.details) == (user.id, {"command": "admin disable"})


def test_an_action_that_is_refused_is_on_record(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    assert post(client, f"/admin/users/{user.id}/re-invite").status_code == 409

    with app.app_context():
        assert audited()[-2:] == [
            (f"admin:{admin_id}", "command"),
            (f"admin:{admin_id}", "command_failed"),
        ]


@pytest.mark.parametrize("registration", ["invitation", "closed"])
def test_an_invitation_is_offered_again_unless_registration_is_closed(
    app: Flask, make_app: Callable[..., Flask], registration: str
) -> None:
    with app.app_context():
        id = invitations.invite("new@example.org")
    configured = make_app(REGISTRATION=registration)
    client = configured.test_client()
    sign_in_administrator(configured, client)

    page = text_of(client, f"/admin/users/{id}")

    assert "Disable account" in page
    assert ("Send invitation again" in page) == (registration == "invitation")


def test_a_disabled_account_can_be_enabled(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    post(client, f"/admin/users/{user.id}/disable")
    post(client, f"/admin/users/{user.id}/enable")

    sign_in(app.test_client())


def test_devices_can_be_signed_out(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    owner = app.test_client()
    sign_in(owner)

    post(client, f"/admin/users/{user.id}/sign-out")

    assert not is_signed_in(owner)


def test_a_reset_link_can_be_sent(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    client.environ_base["REMOTE_ADDR"] = "203.0.113.9"

    post(client, f"/admin/users/{user.id}/send-reset")

    with app.app_context():
        sent = db.session.scalars(db.select(OutboxMessage).filter_by(user_id=user.id)).all()
        assert [message.message for message in sent] == ["password_reset"]
        # The owner has not asked, and the administrator's address is not for them.
        assert "203.0.113.9" not in open_message(sent[0]).body


def test_a_disabled_account_gets_no_reset_link(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    post(client, f"/admin/users/{user.id}/disable")

    answer = post(client, f"/admin/users/{user.id}/send-reset")

    assert answer.status_code == 409


@pytest.mark.parametrize(
    "path", ["/users/{id}/nonsense", "/users/{other}", "/users/{other}/disable"]
)
def test_what_does_not_exist_is_not_found(
    client: FlaskClient, user: User, admin_id: str, path: str
) -> None:
    other = "00000000-0000-0000-0000-000000000000"

    assert client.get("/admin" + path.format(id=user.id, other=other)).status_code == 404


def test_accounts_are_found_by_the_beginning_of_the_address_and_by_id(
    client: FlaskClient, user: User, admin_id: str
) -> None:
    for search in ("somebody@example.org", "SOME", str(user.id)):
        page = text_of(client, f"/admin/users?search={search}")
        assert user.email in page
        assert "admin@example.org" not in page
    for search in ("body", "%", "_", "x" * 400, "%00"):
        assert user.email not in text_of(client, f"/admin/users?search={search}")


def test_accounts_are_listed_a_page_at_a_time(
    app: Flask, client: FlaskClient, admin_id: str
) -> None:
    with app.app_context():
        for number in range(30):
            add_user(f"user{number:02}@example.org")

    first = text_of(client, "/admin/users?search=user")
    (link,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = text_of(client, link.replace("&amp;", "&"))

    found = re.findall(r"user\d\d@example.org", first + second)
    assert list(dict.fromkeys(found)) == [f"user{number:02}@example.org" for number in range(30)]


def test_an_account_is_shown_without_addresses_of_devices(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    sign_in(app.test_client())

    page = text_of(client, f"/admin/users/{user.id}")

    assert "Signed in" in page
    assert "127.0.0.1" not in page


def test_sign_ins_are_charted_with_a_table(app: Flask, client: FlaskClient, admin_id: str) -> None:
    for _ in range(3):
        post(app.test_client(), "/login", email="nobody@example.org", password=PASSWORD)

    page = text_of(client, "/admin")

    rows = re.findall(r'<th scope="row">\d\d:00</th> <td>(\d+)</td> <td>(\d+)</td>', page)
    assert [sum(map(int, numbers)) for numbers in zip(*rows, strict=True)] == [1, 3]
    assert '<rect class="good"' in page
    assert '<rect class="bad"' in page
    assert 'role="img"' in page


def test_the_overview_reloads_itself_only_if_asked(client: FlaskClient, admin_id: str) -> None:
    assert "http-equiv" not in text_of(client, "/admin")
    assert '<meta http-equiv="refresh" content="30">' in text_of(client, "/admin?refresh=1")


def test_the_audit_log_is_listed_a_page_at_a_time(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    for _ in range(30):
        post(client, f"/admin/users/{user.id}/disable")
    with app.app_context():
        extend_chain()
        head = audit_chain.current_head()

    newest = text_of(client, "/admin/audit")
    (link,) = re.findall(r'rel="next" href="([^"]+)"', newest)
    older = text_of(client, link.replace("&amp;", "&"))

    numbers = [int(each) for each in re.findall(r"Entry (\d+)", newest + older)]
    assert numbers == list(range(head.sequence, 0, -1))


def test_the_audit_log_shows_one_account(
    app: Flask, client: FlaskClient, user: User, admin_id: str
) -> None:
    post(client, f"/admin/users/{user.id}/disable")
    with app.app_context():
        extend_chain()

    page = text_of(client, f"/admin/audit?account={user.id}")

    assert "account_disabled" in page
    assert "role_granted" not in page


@pytest.mark.parametrize(
    "query", ["account=x", "before=x", "before=-1", f"before={2**63}", "action=%00", "action=x"]
)
def test_a_malformed_query_is_no_error(client: FlaskClient, admin_id: str, query: str) -> None:
    assert client.get(f"/admin/audit?{query}").status_code in {200, 404}
