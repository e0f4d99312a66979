"""Passkeys: creating, using, renaming and removing them, and attacks on each."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from authapp import clock
from authapp.delivery import outbox
from authapp.errors import SecondFactorRequired
from authapp.models import Activity, ActivityEvent, LostFactor, Passkey, RecoveryCode, User, db
from authapp.services import (
    download_data,
    freeze_account,
    login,
    lost_factor,
    password_reset,
    second_factors,
    users,
)
from tests.support.accounts import DEVICE, HERE, PASSWORD, add_user
from tests.support.applications import introduce_redis
from tests.support.browsing import HOSTILE, cookie, hidden, is_signed_in, post, sign_in
from tests.support.messages import code_to, newest_to
from tests.support.passkeys import (
    BACKUP,
    ES256,
    PRESENT,
    RS256,
    SITE,
    VERIFIED,
    Authenticator,
    EdDSA,
    base64url,
    creation_options,
    enroll,
    send,
    send_new,
    sign_in_options,
    sign_in_with,
)
from tests.support.second_factors import code_of
from tests.support.second_factors import enroll as enroll_app

NEW_PASSWORD = "another four words entirely unrelated"
PAGES = "/account/passkeys"
STEP = "/login/second-step"


@pytest.fixture
def app(make_app: Callable[..., Flask]) -> Flask:
    """An application at a domain, because passkeys do not work at an IP address."""
    app = make_app(PUBLIC_URL=SITE)
    introduce_redis(app)
    return app


@pytest.fixture
def device(app: Flask, user: User) -> Authenticator:
    """A device with a passkey of the user."""
    client = app.test_client()
    sign_in(client)
    return enroll(client)


def messages(app: Flask) -> list[str]:
    with app.app_context():
        return [each.message for each in outbox.list_recent()]


def activities(app: Flask, user: User) -> list[str]:
    with app.app_context():
        found = db.select(ActivityEvent.activity).where(ActivityEvent.user_id == user.id)
        return list(db.session.scalars(found))


def passkeys(app: Flask) -> list[Passkey]:
    with app.app_context():
        return list(db.session.scalars(db.select(Passkey).order_by(Passkey.created_at)))


def amr(client: FlaskClient) -> list[str]:
    claims = jwt.decode(cookie(client, "access_token"), options={"verify_signature": False})
    return list(claims["amr"])


def enter_password(client: FlaskClient, email: str = "somebody@example.org") -> str:
    """Enter the right password, and return the address of the next page."""
    answer = post(client, "/login", email=email, password=PASSWORD)
    assert answer.status_code == 303
    return answer.headers["Location"]


def second_step_options(client: FlaskClient, address: str) -> dict[str, Any]:
    return dict(client.get(address.replace(STEP, f"{STEP}/options")).get_json())


def complete(client: FlaskClient, address: str, answer: str) -> TestResponse:
    return post(client, address, passkey=answer)


@pytest.mark.parametrize("key", [ES256, EdDSA, RS256])
def test_a_passkey_alone_signs_in(
    app: Flask, client: FlaskClient, user: User, key: type[Any]
) -> None:
    sign_in(client)
    device = enroll(client, Authenticator(key(), flags=PRESENT | VERIFIED | BACKUP))
    other = app.test_client()

    answer = sign_in_with(other, device)

    assert answer.status_code == 303
    assert is_signed_in(other)
    assert amr(other) == ["pop", "user", "mfa"]
    assert passkeys(app)[0].last_used_at is not None


def test_a_user_stays_signed_in_and_continues_to_the_requested_page(
    client: FlaskClient, device: Authenticator
) -> None:
    fields = hidden(client.get("/login").get_data(as_text=True))
    answer = device.get(sign_in_options(client))

    done = client.post(
        "/login/passkey?next=/account/activity",
        data={**fields, "passkey": answer, "remember": "y", "email": "", "password": ""},
    )

    assert done.headers["Location"] == "/account/activity"
    refresh = client.get_cookie("refresh_token")
    assert refresh is not None
    assert refresh.expires is not None


def test_the_first_passkey_comes_with_recovery_codes_and_an_email(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    first = send_new(client, Authenticator().create(creation_options(client)))
    second = send_new(client, Authenticator().create(creation_options(client)))

    page = first.get_data(as_text=True)
    assert len(re.findall(r"<code>[0-9a-z]{5}-[0-9a-z]{5}</code>", page)) == 10
    assert second.status_code == 303
    assert messages(app).count("passkey_added") == 2
    assert activities(app, user).count(Activity.PASSKEY_ADDED) == 2


def test_a_passkey_is_another_factor_beside_the_app(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        secret, codes = enroll_app(user.id)
    post(client, enter_password(client), code=code_of(secret))

    answer = send_new(client, Authenticator().create(creation_options(client)))

    assert answer.status_code == 303
    other = app.test_client()
    assert enter_password(other).startswith(STEP)
    address = enter_password(other).replace(STEP, "/login/recovery-code")
    assert post(other, address, recovery_code=codes[0]).status_code == 303


def test_a_password_alone_does_not_sign_in(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    address = enter_password(client)

    assert address.startswith(STEP)
    assert not is_signed_in(client)
    program = app.test_client(use_cookies=False)
    refused = program.post(
        "/api/v1/login", json={"email": "somebody@example.org", "password": PASSWORD}
    )
    assert refused.json is not None
    assert refused.json["type"].endswith("second-factor-required")


def test_a_passkey_is_the_second_step_after_a_password(
    client: FlaskClient, device: Authenticator
) -> None:
    address = enter_password(client)
    device.flags = PRESENT
    device.user_handle = None
    options = second_step_options(client, address)

    done = complete(client, address, device.get(options))

    assert [each["id"] for each in options["allowCredentials"]] == [base64url(device.credential_id)]
    assert done.status_code == 303
    assert amr(client) == ["pwd", "pop", "user", "mfa"]


def test_what_the_browser_is_asked_reveals_no_account(
    client: FlaskClient, device: Authenticator
) -> None:
    options = sign_in_options(client)

    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    assert options["rpId"] == "localhost"


def test_a_new_passkey_is_asked_for_with_a_random_handle_and_known_ones_are_excluded(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    device = enroll(client)

    options = creation_options(client)

    assert device.user_handle is not None
    assert len(device.user_handle) == 32
    assert options["user"]["id"] == base64url(device.user_handle)
    assert user.id.bytes not in device.user_handle
    assert [each["id"] for each in options["excludeCredentials"]] == [
        base64url(device.credential_id)
    ]
    assert options["excludeCredentials"][0]["transports"] == ["hybrid", "internal"]
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-8, -7, -257]


def test_a_passkey_gets_the_name_of_its_provider_or_browser(
    app: Flask, client: FlaskClient, user: User
) -> None:
    sign_in(client)
    bitwarden = bytes.fromhex("d548826e79b4db40a3d811116f7e8349")
    enroll(client, Authenticator(provider=bitwarden))
    client.environ_base["HTTP_USER_AGENT"] = HERE.user_agent
    enroll(client)

    assert [each.name for each in passkeys(app)] == ["Bitwarden", "Firefox on Linux"]


def test_a_user_renames_a_passkey(app: Flask, client: FlaskClient, device: Authenticator) -> None:
    sign_in_with(client, device)
    address = f"{PAGES}/{passkeys(app)[0].id}/name"

    refused = post(client, address, name=" ")
    renamed = post(client, address, name="My  key")

    assert refused.status_code == 422
    assert renamed.status_code == 303
    assert passkeys(app)[0].name == "My  key"
    assert "My  key" in client.get(PAGES).get_data(as_text=True)


def test_removing_the_last_passkey_removes_the_recovery_codes(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    sign_in_with(client, device)
    address = f"{PAGES}/{passkeys(app)[0].id}/remove"
    assert "last second factor" in client.get(address).get_data(as_text=True)

    post(client, address)

    page = client.get(PAGES).get_data(as_text=True)
    accepted = re.search(r"data-accepted-passkeys=\"([^\"]+)\"", page)
    assert accepted
    assert json.loads(accepted[1].replace("&#34;", '"'))["allAcceptedCredentialIds"] == []
    with app.app_context():
        assert db.session.query(RecoveryCode).count() == 0
    assert "passkey_removed" in messages(app)
    assert Activity.PASSKEY_REMOVED in activities(app, user)
    other = app.test_client()
    assert sign_in_with(other, device).status_code == 422
    sign_in(other)
    assert is_signed_in(other)


def test_removing_one_of_two_factors_keeps_the_recovery_codes(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        secret, _ = enroll_app(user.id)
    post(client, enter_password(client), code=code_of(secret))
    enroll(client)

    post(client, "/account/second-factors/remove")
    with app.app_context():
        left = second_factors.overview(user.id)
    assert left.codes_left == 10
    assert left.app_added_at is None
    assert "Authenticator app removed" in newest_subject(app)
    assert enter_password(app.test_client()).startswith(STEP)

    post(client, f"{PAGES}/{passkeys(app)[0].id}/remove")

    with app.app_context():
        assert second_factors.overview(user.id).codes_left == 0


def newest_subject(app: Flask) -> str:
    with app.app_context():
        return outbox.list_recent()[0].subject


def test_a_passkey_of_another_account_can_be_neither_renamed_nor_removed(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    with app.app_context():
        add_user("other@example.org")
    sign_in(client, "other@example.org")
    id = passkeys(app)[0].id
    fields = hidden(client.get(f"{PAGES}/new").get_data(as_text=True))

    for action in ("name", "remove"):
        assert client.get(f"{PAGES}/{id}/{action}").status_code == 404
        assert (
            client.post(f"{PAGES}/{id}/{action}", data={**fields, "name": "x"}).status_code == 404
        )
    assert len(passkeys(app)) == 1


def test_a_challenge_works_once(app: Flask, client: FlaskClient, device: Authenticator) -> None:
    answer = device.get(sign_in_options(client))
    assert send(client, answer).status_code == 303
    client.delete_cookie("access_token")
    client.delete_cookie("refresh_token")

    replayed = send(client, answer)

    assert replayed.status_code == 422
    assert not is_signed_in(client)


def test_a_replayed_challenge_is_refused_even_with_the_cookie_that_asked(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    answer = device.get(sign_in_options(client))
    asked = cookie(client, "session")
    send(client, answer)
    thief = app.test_client()
    thief.set_cookie("session", asked)

    replayed = send(thief, answer)

    assert "already used" in replayed.get_data(as_text=True)
    assert not is_signed_in(thief)


def test_an_answer_works_only_in_the_browser_that_asked(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    answer = device.get(sign_in_options(client))
    thief = app.test_client()
    sign_in_options(thief)

    assert send(thief, answer).status_code == 422
    assert not is_signed_in(thief)


def test_a_challenge_expires(
    client: FlaskClient, device: Authenticator, move_time: Callable[..., object]
) -> None:
    answer = device.get(sign_in_options(client))

    with move_time(minutes=11):
        late = send(client, answer)

    assert late.status_code == 422
    assert "took too long" in late.get_data(as_text=True)


def test_a_challenge_of_our_own_making_is_refused(
    client: FlaskClient, device: Authenticator
) -> None:
    sign_in_options(client)

    for forged in (b"", b"x" * 53, bytes(1000)):
        answer = device.get({"challenge": base64url(forged)})
        assert send(client, answer).status_code == 422
    assert not is_signed_in(client)


def test_a_challenge_of_the_second_step_does_not_sign_in_alone(
    client: FlaskClient, device: Authenticator
) -> None:
    address = enter_password(client)
    answer = device.get(second_step_options(client, address))

    assert send(client, answer).status_code == 422
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://localhost.example.org"},
        {"origin": "http://localhost:5001"},
        {"origin": "null"},
        {"domain": "example.org"},
        {"flags": PRESENT},
        {"flags": VERIFIED},
        {"flags": PRESENT | VERIFIED | 0x10},
        {"type": "webauthn.create"},
        {"cross_origin": True},
        {"key": ES256()},
        {"key": EdDSA()},
        {"credential_id": b"x" * 32},
        {"credential_id": b"x" * 2000},
        {"credential_id": b""},
        {"user_handle": None},
        {"user_handle": b"x" * 32},
    ],
)
def test_an_answer_that_differs_in_one_thing_is_refused(
    client: FlaskClient, device: Authenticator, changes: dict[str, Any]
) -> None:
    for name, value in changes.items():
        setattr(device, name, value)

    assert sign_in_with(client, device).status_code == 422
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://localhost.example.org"},
        {"domain": "example.org"},
        {"flags": PRESENT},
        {"type": "webauthn.get"},
        {"cross_origin": True},
        {"credential_id": b"x" * 2000},
        {"credential_id": b"short"},
    ],
)
def test_a_new_passkey_that_differs_in_one_thing_is_refused(
    app: Flask, client: FlaskClient, user: User, changes: dict[str, Any]
) -> None:
    sign_in(client)

    answer = send_new(client, Authenticator(**changes).create(creation_options(client)))

    assert answer.status_code == 422
    assert passkeys(app) == []


class Unusual:
    """A key pair whose public key says something else."""

    def __init__(self, key: Any, algorithm: Any = None, n: bytes | None = None) -> None:
        self.key, self.algorithm, self.modulus = key, algorithm, n

    def public(self) -> dict[int, Any]:
        changes = {3: self.algorithm, -1: self.modulus}
        changed = {name: value for name, value in changes.items() if value is not None}
        return {**self.key.public(), **changed}


def test_weak_and_unknown_keys_are_refused(app: Flask, client: FlaskClient, user: User) -> None:
    wrong = [
        *(Unusual(ES256(), algorithm) for algorithm in (-8, -35, -65535, -48, -257, 0, "x")),
        Unusual(EdDSA(), -7),
        Unusual(RS256(), -7),
        Unusual(RS256(1024)),
        Unusual(RS256(), n=b"\xff" * 2000),
    ]
    sign_in(client)

    for key in wrong:
        answer = send_new(client, Authenticator(key).create(creation_options(client)))
        assert answer.status_code == 422, key.public()
    assert passkeys(app) == []


def test_a_passkey_belongs_to_one_account(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    with app.app_context():
        add_user("other@example.org")
    sign_in(client, "other@example.org")

    answer = send_new(client, device.create(creation_options(client)))

    assert answer.status_code == 422
    assert len(passkeys(app)) == 1


def test_a_new_passkey_cannot_be_added_to_another_account(
    app: Flask, client: FlaskClient, user: User
) -> None:
    with app.app_context():
        add_user("other@example.org")
    sign_in(client)
    answer = Authenticator().create(creation_options(client))
    other = app.test_client()
    sign_in(other, "other@example.org")
    other.set_cookie("session", cookie(client, "session"))

    assert send_new(other, answer).status_code == 422
    assert passkeys(app) == []


def test_a_passkey_of_another_account_does_not_complete_a_sign_in(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    with app.app_context():
        add_user("other@example.org")
    other = app.test_client()
    sign_in(other, "other@example.org")
    theirs = enroll(other)
    address = enter_password(client)

    refused = complete(client, address, theirs.get(second_step_options(client, address)))

    assert refused.status_code == 422
    assert not is_signed_in(client)


def test_after_an_emailed_code_the_device_must_verify_its_user(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    """The mailbox is not a factor, so the passkey alone has to be two of them."""
    page = post(client, "/login/email", email=user.email).headers["Location"]
    code = code_to(app, user.email)
    address = post(client, "/login/email/code", page, code=code).headers["Location"]
    device.flags = PRESENT

    refused = complete(client, address, device.get(second_step_options(client, address)))
    device.flags = PRESENT | VERIFIED
    options = second_step_options(client, address)
    accepted = complete(client, address, device.get(options))

    assert refused.status_code == 422
    assert options["userVerification"] == "required"
    assert accepted.status_code == 303
    assert amr(client) == ["pop", "user", "mfa"]


def test_a_passkey_does_not_prove_a_password_that_an_emailed_link_set(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    """Otherwise, someone who reads the mailbox could start a waiting time with it."""
    with app.app_context():
        password_reset.request(user.email, client=HERE)
        password_reset.answer_requests()
        link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
        password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)

    sign_in_with(client, device)
    assert has_emailed_password(app, user)

    other = app.test_client()
    address = post(other, "/login", email=user.email, password=NEW_PASSWORD).headers["Location"]
    complete(other, address, device.get(second_step_options(other, address)))
    assert is_signed_in(other)
    assert not has_emailed_password(app, user)


def has_emailed_password(app: Flask, user: User) -> bool:
    with app.app_context():
        return db.session.get_one(User, user.id).password_from_email_at is not None


def test_the_same_answer_again_is_not_taken_for_a_copy(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    device.count = 7
    answer = device.get(sign_in_options(client))
    fields = hidden(client.get("/login").get_data(as_text=True))
    session = cookie(client, "session")
    assert client.post("/login/passkey", data={**fields, "passkey": answer}).status_code == 303

    again = app.test_client()
    again.set_cookie("session", session)
    repeated = again.post("/login/passkey", data={**fields, "passkey": answer})

    assert repeated.status_code == 422
    assert "passkey_copied" not in messages(app)


def test_a_counter_that_goes_back_is_refused_and_the_owner_is_told_once(
    app: Flask, user: User, device: Authenticator
) -> None:
    device.count = 7
    assert sign_in_with(app.test_client(), device).status_code == 303

    for count in (7, 6, 0):
        device.count = count
        copy = app.test_client()
        assert sign_in_with(copy, device).status_code == 422
        assert not is_signed_in(copy)

    assert messages(app).count("passkey_copied") == 1
    assert Activity.PASSKEY_COPIED in activities(app, user)
    device.count = 8
    assert sign_in_with(app.test_client(), device).status_code == 303


def test_an_invalid_signature_with_a_lower_counter_tells_no_one(
    app: Flask, device: Authenticator
) -> None:
    device.count = 7
    sign_in_with(app.test_client(), device)
    device.count, device.key = 3, ES256()

    assert sign_in_with(app.test_client(), device).status_code == 422

    assert "passkey_copied" not in messages(app)


def test_of_two_requests_with_one_answer_one_signs_in(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    answer = device.get(sign_in_options(client))
    fields = hidden(client.get("/login").get_data(as_text=True))
    session = cookie(client, "session")

    def try_it(_: int) -> int:
        browser = app.test_client()
        browser.set_cookie("session", session)
        return browser.post("/login/passkey", data={**fields, "passkey": answer}).status_code

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(try_it, range(4)))

    assert sorted(statuses) == [303, 422, 422, 422]


def test_of_two_requests_with_one_counter_one_signs_in(app: Flask, device: Authenticator) -> None:
    device.count = 5
    browsers = [app.test_client() for _ in range(3)]
    answers = [device.get(sign_in_options(browser)) for browser in browsers]

    with ThreadPoolExecutor(3) as pool:
        statuses = [each.status_code for each in pool.map(send, browsers, answers)]

    assert sorted(statuses) == [303, 422, 422]


def test_a_frozen_account_explains_itself_and_a_disabled_one_does_not(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    stranger = Authenticator(user_handle=device.user_handle)
    unknown = visible(sign_in_with(client, stranger))
    with app.app_context():
        users.disable(user.id)
    disabled = visible(sign_in_with(client, device))
    with app.app_context():
        users.enable(user.id)
        password_reset.request(user.email, client=HERE)
        password_reset.answer_requests()
        row = db.session.get_one(User, user.id)
        row.frozen_at = row.created_at
        db.session.commit()

    frozen = sign_in_with(client, device)

    assert unknown == disabled
    assert frozen.status_code == 403
    assert "frozen" in frozen.get_data(as_text=True)


def visible(answer: TestResponse) -> tuple[int, str]:
    text = answer.get_data(as_text=True)
    return answer.status_code, re.sub(r'name="csrf_token"[^>]*value="[^"]+"', "", text)


def test_a_closed_account_can_be_kept(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    sign_in_with(client, device)
    post(client, "/account/delete", password=PASSWORD)

    offer = sign_in_with(client, device).headers["Location"]
    kept = post(client, "/account/delete/keep", page=offer)

    assert offer.startswith("/account/delete/keep")
    assert kept.status_code == 303
    assert not is_signed_in(client)
    assert sign_in_with(client, device).status_code == 303
    assert is_signed_in(client)


def test_freezing_stops_passkeys_that_someone_else_added(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    sign_in_with(client, device)
    theirs = enroll(client)
    value = newest_to(app, user.email, r"/not-me/(\S+)")

    with app.app_context():
        freeze_account.freeze(freeze_account.check(value), user.email, client=HERE)
        link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
        password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)

    assert sign_in_with(app.test_client(), theirs).status_code == 422
    owner = app.test_client()
    assert sign_in_with(owner, device).status_code == 303
    assert "reported" in owner.get(PAGES).get_data(as_text=True)


def test_removing_the_last_factor_that_works_also_removes_reported_passkeys(
    app: Flask, user: User, device: Authenticator
) -> None:
    with app.app_context():
        enroll_app(user.id)
        db.session.execute(db.update(Passkey).values(reported_at=clock.now()))
        db.session.commit()

        still_on = second_factors.remove_app(user.id, client=HERE)

        assert not still_on
        assert second_factors.overview(user.id).since is None
    assert passkeys(app) == []


def test_someone_who_reads_email_cannot_freeze_the_second_factor_away(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    value = newest_to(app, user.email, r"/not-me/(\S+)")
    with app.app_context():
        freeze_account.freeze(freeze_account.check(value), user.email, client=HERE)
        link = password_reset.check(newest_to(app, user.email, r"/password/reset/(\S+)"))
        password_reset.reset(link, NEW_PASSWORD, revoke_tokens=True, client=HERE)

    answer = post(client, "/login", email=user.email, password=NEW_PASSWORD)

    assert answer.headers["Location"].startswith("/login/recovery-code")
    assert not is_signed_in(client)


def test_refused_answers_are_limited_by_client_and_accepted_ones_are_not(
    app: Flask, client: FlaskClient, device: Authenticator
) -> None:
    for _ in range(3):
        sign_in_with(app.test_client(), device)
    stranger = Authenticator(user_handle=b"x" * 32)
    statuses = [sign_in_with(client, stranger).status_code for _ in range(51)]

    assert statuses == [422] * 50 + [429]
    assert "Retry-After" in sign_in_with(client, stranger).headers


@pytest.mark.parametrize("value", [*HOSTILE, "{}", "[]", "null", '{"rawId": 1}', "[" * 10_000])
def test_hostile_answers_are_refused(client: FlaskClient, user: User, value: str) -> None:
    sent = value.encode("utf-8", "surrogatepass").decode("latin-1")
    assert send(client, sent).status_code in (400, 422)
    sign_in(client)

    assert send_new(client, sent).status_code in (400, 422)


def test_an_account_has_a_maximum_of_passkeys(app: Flask, client: FlaskClient, user: User) -> None:
    sign_in(client)
    for _ in range(19):
        enroll(client)
    options = creation_options(client)
    enroll(client)

    answer = send_new(client, Authenticator().create(options))

    assert answer.status_code == 303
    assert len(passkeys(app)) == 20
    assert "the maximum" in client.get(PAGES).get_data(as_text=True)


def test_the_download_has_passkeys_without_keys(
    app: Flask, user: User, device: Authenticator
) -> None:
    with app.app_context():
        data = download_data.download_data(user.id, client=HERE)

    assert data["passkeys"][0]["name"]
    assert set(data["passkeys"][0]).isdisjoint({"public_key", "credential_id"})


def test_an_operator_sees_and_removes_passkeys(
    app: Flask, client: FlaskClient, user: User, device: Authenticator
) -> None:
    runner, passkeys_name = app.test_cli_runner(), passkeys(app)[0].name
    shown = json.loads(runner.invoke(args=["users", "show", user.email, "--json"]).output)

    removed = runner.invoke(args=["users", "remove-second-factor", user.email, "--yes"])

    assert shown["second_factor_since"] is not None
    assert [each["name"] for each in shown["passkeys"]] == [passkeys_name]
    assert removed.exit_code == 0
    assert passkeys(app) == []
    sign_in(client)
    assert is_signed_in(client)


def test_passkeys_are_deleted_with_the_account(
    app: Flask, user: User, device: Authenticator
) -> None:
    runner = app.test_cli_runner()

    assert runner.invoke(args=["users", "delete", user.email, "--yes"]).exit_code == 0

    assert passkeys(app) == []


def test_without_javascript_the_page_explains_what_is_missing(
    client: FlaskClient, device: Authenticator
) -> None:
    tokens = hidden(client.get("/login").get_data(as_text=True))
    missing = client.post("/login/passkey", data=tokens)

    for answer in (send(client, ""), missing):
        assert answer.status_code == 422
        assert "need JavaScript" in answer.get_data(as_text=True)


def test_at_an_ip_address_pages_do_not_offer_passkeys(
    make_app: Callable[..., Flask], user: User
) -> None:
    at_address = make_app(PUBLIC_URL="http://192.0.2.1:5000").test_client()

    assert "passkey" not in at_address.get("/login").get_data(as_text=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]"])
def test_at_this_machines_address_passkeys_belong_to_localhost(
    make_app: Callable[..., Flask], address: str
) -> None:
    at_address = make_app(PUBLIC_URL=f"http://{address}:5000").test_client()

    assert at_address.get("/login/passkey/options").get_json()["rpId"] == "localhost"
    assert 'href="http://localhost:5000"' in at_address.get("/login").get_data(as_text=True)


def test_a_passkey_confirms_a_session(
    app: Flask,
    client: FlaskClient,
    user: User,
    device: Authenticator,
    move_time: Callable[..., object],
) -> None:
    sign_in_with(client, device)
    with move_time(minutes=16):
        page = client.get(PAGES).headers["Location"]
        answer = device.get(client.get("/account/confirm/options").get_json())

        confirmed = post(client, page, passkey=answer)

        assert confirmed.headers["Location"] == PAGES
        assert client.get(PAGES).status_code == 200
        assert (
            post(client, "/account/confirm", page=f"{PAGES}/new", passkey=answer).status_code == 422
        )
    assert Activity.PASSKEY_CONFIRMED in activities(app, user)


def test_confirming_with_a_passkey_stops_a_waiting_time(
    app: Flask,
    client: FlaskClient,
    user: User,
    device: Authenticator,
    move_time: Callable[..., object],
) -> None:
    sign_in_with(client, device)
    with app.app_context():
        with pytest.raises(SecondFactorRequired) as thief:
            login.sign_in(user.email, PASSWORD, remember=False, device=DEVICE)
        lost_factor.start(thief.value.pending, client=HERE)
    with move_time(minutes=16):
        page = client.get(PAGES).headers["Location"]

        post(client, page, passkey=device.get(client.get("/account/confirm/options").get_json()))

    with app.app_context():
        assert db.session.get(LostFactor, user.id) is None


def test_a_session_that_began_with_a_password_gains_the_passkey(
    client: FlaskClient, device: Authenticator, move_time: Callable[..., object]
) -> None:
    address = enter_password(client)
    complete(client, address, device.get(second_step_options(client, address)))
    with move_time(minutes=16):
        answer = device.get(client.get("/account/confirm/options").get_json())
        post(client, "/account/confirm", passkey=answer)

        assert amr(client) == ["pwd", "pop", "user", "mfa"]


def test_an_answer_for_another_session_or_purpose_does_not_confirm(
    app: Flask, client: FlaskClient, device: Authenticator, move_time: Callable[..., object]
) -> None:
    other = app.test_client()
    sign_in_with(other, device)
    sign_in_with(client, device)
    with move_time(minutes=16):
        theirs = device.get(other.get("/account/confirm/options").get_json())
        alone = device.get(sign_in_options(client))
        device.flags = PRESENT
        unverified = device.get(client.get("/account/confirm/options").get_json())

        for answer in (theirs, alone, unverified, "", "{}"):
            assert post(client, "/account/confirm", passkey=answer).status_code == 422
        assert client.get(PAGES).status_code == 303


def test_a_passkey_of_another_account_does_not_confirm(
    app: Flask, client: FlaskClient, device: Authenticator, move_time: Callable[..., object]
) -> None:
    with app.app_context():
        add_user("other@example.org")
    sign_in(client, "other@example.org")
    with move_time(minutes=16):
        answer = device.get(client.get("/account/confirm/options").get_json())

        assert post(client, "/account/confirm", passkey=answer).status_code == 422
        assert client.get(PAGES).status_code == 303
