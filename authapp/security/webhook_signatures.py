"""Signatures of requests to other programs, as in Standard Webhooks, and the secrets for them."""

import base64
import hmac
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def generate_secret() -> bytes:
    """Return a new secret."""
    return os.urandom(_SECRET_BYTES)


def as_text(secret: bytes) -> str:
    """Return a secret as its receiver configures it."""
    return PREFIX + base64.b64encode(secret).decode()


def headers(id: str, body: bytes, *, secrets: Sequence[bytes], at: datetime) -> Mapping[str, str]:
    """Return the headers that sign a request, with one signature for each secret."""
    timestamp = str(int(at.timestamp()))
    signed = f"{id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(each, signed, "sha256")) for each in secrets)
    return {
        "webhook-id": id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{each.decode()}" for each in signatures),
    }
