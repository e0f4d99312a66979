"""An authenticator in software, which answers as a browser would, or as an attacker would."""

import base64
import json
import os
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.browsing import hidden

SITE = "http://localhost:5000"
PRESENT, VERIFIED, BACKUP, ATTESTED = 0x01, 0x04, 0x18, 0x40


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "===")


class ES256:
    """A key pair for ECDSA on P-256."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())

    def public(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        x, y = (each.to_bytes(32, "big") for each in (numbers.x, numbers.y))
        return {1: 2, 3: -7, -1: 1, -2: x, -3: y}

    def sign(self, content: bytes) -> bytes:
        return self.key.sign(content, ec.ECDSA(SHA256()))


class EdDSA:
    """A key pair for Ed25519."""

    def __init__(self) -> None:
        self.key = ed25519.Ed25519PrivateKey.generate()

    def public(self) -> dict[int, Any]:
        return {1: 1, 3: -8, -1: 6, -2: self.key.public_key().public_bytes_raw()}

    def sign(self, content: bytes) -> bytes:
        return self.key.sign(content)


class RS256:
    """A key pair for RSA with PKCS#1 v1.5."""

    def __init__(self, bits: int = 2048) -> None:
        self.key = rsa.generate_private_key(65537, bits)

    def public(self) -> dict[int, Any]:
        numbers = self.key.public_key().public_numbers()
        return {
            1: 3,
            3: -257,
            -1: numbers.n.to_bytes(self.key.key_size // 8, "big"),
            -2: b"\x01\x00\x01",
        }

    def sign(self, content: bytes) -> bytes:
        return self.key.sign(content, padding.PKCS1v15(), SHA256())


@dataclass
class Authenticator:
    """A device with one passkey. Its attributes may be changed to what an attacker would send."""

    key: Any = field(default_factory=ES256)
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    user_handle: bytes | None = None
    count: int = 0
    origin: str = SITE
    domain: str = "localhost"
    flags: int = PRESENT | VERIFIED
    provider: bytes = bytes(16)
    type: str | None = None
    cross_origin: bool = False

    def create(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.create`."""
        self.user_handle = decoded(options["user"]["id"])
        key = cbor2.dumps(self.key.public())
        length = len(self.credential_id).to_bytes(2, "big")
        data = self._data(ATTESTED) + self.provider + length + self.credential_id + key
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options["challenge"])
        return self._answer(
            clientDataJSON=base64url(client_data),
            attestationObject=base64url(attestation),
            transports=["internal", "hybrid", "unheard-of"],
        )

    def get(self, options: dict[str, Any]) -> str:
        """Answer `navigator.credentials.get`."""
        client_data = self._client_data("webauthn.get", options["challenge"])
        data = self._data()
        signature = self.key.sign(data + sha256(client_data).digest())
        handle = {"userHandle": base64url(self.user_handle)} if self.user_handle else {}
        return self._answer(
            clientDataJSON=base64url(client_data),
            authenticatorData=base64url(data),
            signature=base64url(signature),
            **handle,
        )

    def _data(self, flags: int = 0) -> bytes:
        flags |= self.flags
        count = self.count.to_bytes(4, "big")
        return sha256(self.domain.encode()).digest() + bytes([flags]) + count

    def _client_data(self, type: str, challenge: str) -> bytes:
        written = {
            "type": self.type or type,
            "challenge": challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        }
        return json.dumps(written).encode()

    def _answer(self, **response: Any) -> str:
        id = base64url(self.credential_id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})


def enroll(client: FlaskClient, device: Authenticator | None = None) -> Authenticator:
    """Create a passkey for the signed-in user."""
    device = device or Authenticator()
    answer = send_new(client, device.create(creation_options(client)))
    assert answer.status_code in (200, 303), answer.get_data(as_text=True)
    return device


def creation_options(client: FlaskClient) -> dict[str, Any]:
    fields = hidden(client.get("/account/passkeys/new").get_data(as_text=True))
    answer = client.post("/account/passkeys/options", data=fields)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return dict(answer.get_json())


def send_new(client: FlaskClient, answer: str) -> TestResponse:
    fields = hidden(client.get("/account/passkeys/new").get_data(as_text=True))
    return client.post("/account/passkeys/new", data={**fields, "passkey": answer})


def sign_in_options(client: FlaskClient) -> dict[str, Any]:
    return dict(client.get("/login/passkey/options").get_json())


def send(client: FlaskClient, answer: str, **fields: str) -> TestResponse:
    """Send an answer as the sign-in page does."""
    tokens = hidden(client.get("/login").get_data(as_text=True))
    return client.post("/login/passkey", data={**tokens, "passkey": answer, **fields})


def sign_in_with(client: FlaskClient, device: Authenticator, **fields: str) -> TestResponse:
    """Sign in with a passkey alone."""
    return send(client, device.get(sign_in_options(client)), **fields)
