"""Keys for separate purposes, derived from one secret so that none can replace another."""

import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@lru_cache(maxsize=64)
def derive_key(secret: str | bytes, purpose: str) -> bytes:
    """Return the 32-byte key for `purpose` (HKDF-SHA-256, RFC 5869)."""
    material = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret
    return HKDF(SHA256(), 32, salt=None, info=f"authapp {purpose}".encode()).derive(material)


def keyed_digest(secret: str, purpose: str, text: str) -> bytes:
    """Return a digest of any text that reveals nothing of it without the key for `purpose`."""
    return hmac.digest(derive_key(secret, purpose), text.encode("utf-8", "surrogatepass"), "sha256")
