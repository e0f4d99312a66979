"""Nothing in the database lets its reader in: every secret of every flow is searched for in it."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Flask, Response
from flask.testing import FlaskClient
from itsdangerous import BadSignature

from authapp.delivery import outbox
from authapp.domain.factors import lost_factors
from authapp.models import User, VerificationType, db
from authapp.models.transaction import transaction
from authapp.security.opaque_tokens import parse_api_token
from authapp.services import invitations, password_reset, webhooks
from tests.support.accounts import HERE, PASSWORD, add_user
from tests.support.browsing import post, sign_in
from tests.support.messages import code_to, newest_to
from tests.support.second_factors import code_of, enroll

ADDRESS, NEW_ADDRESS, INVITED = "owner@example.org", "changed@example.org", "invited@example.org"
NUMBER = "+447400123456"
NEW_PASSWORD = "five entirely different words here"

URL_SAFE = str.maketrans("+/", "-_")

_LONG = re.compile(r"[A-Za-z0-9_-]{20,}")
_CODE = re.compile(r"^\d{3} ?\d{3}\b", re.MULTILINE)


class Secrets:
    """Collects what the application mails, texts, shows and sets as cookies."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.long: set[str] = set()
        self.codes: set[str] = set()
        app.after_request(self._note_response)

    def _note_response(self, response: Response) -> Response:
        for header in response.headers.getlist("Set-Cookie"):
            name, _, value = header.partition(";")[0].partition("=")
            self._note(self._inside(value) if name == "session" else value)
        if response.is_json:
            self._note(json.dumps(response.get_json()))
        for value in re.findall(r"aut_[0-9A-Za-z]{71}", response.get_data(as_text=True)):
            secret = parse_api_token("aut", value)
            self.long |= {value, base64.b64encode(secret.secret).decode().rstrip("=")}
        return response

    def _inside(self, cookie: str) -> str:
        """Return the content of the session cookie, which is signed but not encrypted."""
        serializer = self.app.session_interface.get_signing_serializer(self.app)
        try:
            return json.dumps(serializer.loads(cookie))
        except BadSignature:
            return ""

    def _note(self, text: str) -> None:
        # A link or a refresh token begins with an id, which is no secret.
        for part in re.split(r"[\s\"'/?=&]+", text):
            self.long.update(_LONG.findall(part.rpartition(".")[2]))

    def note_messages(self) -> None:
        with self.app.app_context():
            for message in outbox.list_recent():
                self.codes.update(_CODE.findall(message.body))
                for link in re.findall(r"https?://\S+", message.body):
                    self._note(link)


def go_through_every_flow(app: Flask, secrets: Secrets) -> None:
    owner, elsewhere = app.test_client(), app.test_client()
    register_and_verify(app, owner)
    sign_in(elsewhere, ADDRESS)
    program = app.test_client(use_cookies=False)
    assert program.post(
        "/api/v1/login", json={"email": ADDRESS, "password": PASSWORD}
    ).status_code == 200  # fmt: skip
    use_tokens(owner)
    verify_phone(app, owner)
    post(owner, "/account/email", email=NEW_ADDRESS)
    secrets.note_messages()
    post(owner, newest_to(app, NEW_ADDRESS, r"http://[^/]+(/account/email/\S+)"))
    reset_password(app, owner)
    close_and_keep(owner)
    sign_in_by_email(app)
    secrets.note_messages()
    with app.test_request_context():
        id, webhook_secret = webhooks.add("https://app.example.org/events")
        for each in (webhook_secret, webhooks.rotate_secret(id)):
            secrets.long.add(each.removeprefix("whsec_").translate(URL_SAFE).rstrip("="))
        invited = invitations.invite(INVITED)
        secret, codes = enroll(invited)
        secrets.long |= {secret, secret.lower(), *codes}
    lose_the_factor(app, invited)
    remember_device(app)
    freeze = newest_to(app, NEW_ADDRESS, r"http://[^/]+(/not-me/\S+)")
    post(elsewhere, freeze, email=NEW_ADDRESS)
    secrets.note_messages()


def lose_the_factor(app: Flask, user_id: UUID) -> None:
    with app.test_request_context(), transaction():
        row = lost_factors.add(user_id, timedelta(days=3), HERE)
        lost_factors.warn(db.session.get_one(User, user_id), row, "lost_factor_started")


def register_and_verify(app: Flask, client: FlaskClient) -> None:
    assert post(client, "/register", email=ADDRESS, password=PASSWORD).status_code == 303
    page = "/verify/email"
    post(client, "/verify/email/code", page=page, code=code_to(app, ADDRESS))


def use_tokens(client: FlaskClient) -> None:
    wanted = {"name": "backup", "scopes": ["account:read"], "expiry": "30"}
    assert post(client, "/account/tokens/new", **wanted).status_code == 200
    page = client.get("/account/tokens").get_data(as_text=True)
    rotate = re.search(r"/account/tokens/[0-9a-f-]{36}/rotate", page)[0]
    assert post(client, rotate, overlap="1d").status_code == 200


def verify_phone(app: Flask, client: FlaskClient) -> None:
    post(client, "/verify/phone", region="GB", phone=NUMBER)
    post(client, "/verify/phone/code", code=code_to(app, NUMBER))


def reset_password(app: Flask, client: FlaskClient) -> None:
    post(client, "/password/reset", email=NEW_ADDRESS)
    with app.test_request_context():
        password_reset.answer_requests()
    client.get(newest_to(app, NEW_ADDRESS, r"http://[^/]+(/password/reset/\S+)"))
    assert post(client, "/password/reset/new", new_password=NEW_PASSWORD).status_code == 303


def sign_in_by_email(app: Flask) -> None:
    client = app.test_client()
    page = post(client, "/login/email", email=NEW_ADDRESS).headers["Location"]
    code = code_to(app, NEW_ADDRESS)
    assert post(client, "/login/email/code", page, code=code).status_code == 303


def close_and_keep(client: FlaskClient) -> None:
    enter = {"email": NEW_ADDRESS, "password": NEW_PASSWORD}
    post(client, "/login", **enter)
    post(client, "/account/delete", password=NEW_PASSWORD)
    post(client, "/login", **enter)
    post(client, "/account/delete/keep")


def remember_device(app: Flask) -> None:
    with app.app_context():
        secret, _ = enroll(add_user("remembered@example.org").id)
    client = app.test_client()
    enter = {"email": "remembered@example.org", "password": PASSWORD}
    page = post(client, "/login", **enter).headers["Location"]
    code = {"code": code_of(secret), "remember_device": "y"}
    assert post(client, page, **code).status_code == 303
    assert client.get_cookie("remembered")


def cells() -> Iterator[Any]:
    """Yield every value in the database."""
    for table in db.metadata.sorted_tables:
        for row in db.session.execute(table.select()):
            yield from row


def as_bytes(cell: Any) -> bytes:
    if isinstance(cell, bytes):
        return cell
    return (json.dumps(cell) if isinstance(cell, dict) else str(cell)).encode()


def forms(secret: str) -> set[bytes]:
    """Return a secret as text, as the bytes that it encodes, and both in hex and base64."""
    raw = {secret.encode()}
    if re.fullmatch(r"[A-Z2-7]{32}", secret):
        raw.add(base64.b32decode(secret))
    with suppress(binascii.Error, ValueError):
        raw.add(base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True))
    coded = {code(each) for each in raw for code in (base64.b64encode, base64.urlsafe_b64encode)}
    return raw | {each.rstrip(b"=") for each in coded} | {each.hex().encode() for each in raw}


def test_no_secret_of_any_flow_is_stored(app: Flask, database_url: str) -> None:
    secrets = Secrets(app)

    go_through_every_flow(app, secrets)

    with app.app_context():
        stored = [cell for cell in cells() if cell is not None]
        used = set(db.session.scalars(db.text("SELECT DISTINCT type FROM verification_tokens")))
    dump = b"\0".join(as_bytes(cell) for cell in stored)
    if database_url.startswith("sqlite"):
        # The file also has what was deleted.
        file = Path(database_url.removeprefix("sqlite:///"))
        dump += b"".join(each.read_bytes() for each in file.parent.glob(f"{file.name}*"))
    texts = b"\0".join(as_bytes(cell) for cell in stored if isinstance(cell, str | bytes | dict))

    assert used == set(VerificationType)
    assert ADDRESS.encode() in dump
    assert len(secrets.long) > 30
    assert len(secrets.codes) >= 3
    everything = secrets.long | {PASSWORD, NEW_PASSWORD}
    assert {secret for secret in everything if any(form in dump for form in forms(secret))} == set()
    for code in secrets.codes:
        assert code.encode() not in texts
        assert code.replace(" ", "").encode() not in texts
