"""Signing key material: generating, naming and parsing it."""

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt import PyJWK
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

_RSA_BITS: Final = 2048
# RFC 7638 section 3.2 and RFC 8037 section 2: the members that identify a key, in this order.
_THUMBPRINT_MEMBERS: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}


@dataclass(frozen=True)
class KeyPair:
    """A new signing key: the public half as a JWK, the private half as PKCS #8 DER."""

    kid: str
    algorithm: str
    public_jwk: str
    private_der: bytes


def generate(algorithm: str) -> KeyPair:
    """Generate a signing key for `RS256`, `ES256` or `EdDSA` (Ed25519)."""
    private = _generate_private(algorithm)
    members = _as_jwk(private)
    kid = thumbprint(members)
    public = {**members, "kid": kid, "use": "sig", "alg": algorithm}
    return KeyPair(
        kid=kid,
        algorithm=algorithm,
        public_jwk=json.dumps(public, sort_keys=True),
        private_der=private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    )


def thumbprint(jwk: dict[str, Any]) -> str:
    """Return the RFC 7638 thumbprint of a public key; equal keys have equal thumbprints."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True).encode()
    return _base64url(sha256(canonical).digest())


@lru_cache(maxsize=64)
def parse_public(public_jwk: str) -> Any:
    """Parse a public half; cached by its text, so that a changed key is parsed again."""
    return PyJWK.from_json(public_jwk).key


@lru_cache(maxsize=8)
def parse_private(private_der: bytes) -> Any:
    """Parse a private half that was just unsealed.

    RSA's consistency check takes tens of milliseconds, and is skipped because authenticated
    decryption has already verified the bytes.
    """
    return load_der_private_key(private_der, None, unsafe_skip_rsa_key_validation=True)


def _generate_private(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    raise ValueError(f"unknown signing algorithm: {algorithm}")


def _as_jwk(private: PrivateKey) -> dict[str, Any]:
    """Return the members of the public half only."""
    kinds: dict[type, type[Algorithm]] = {
        rsa.RSAPublicKey: RSAAlgorithm,
        ec.EllipticCurvePublicKey: ECAlgorithm,
        ed25519.Ed25519PublicKey: OKPAlgorithm,
    }
    public = private.public_key()
    to_jwk = next(kind.to_jwk for base, kind in kinds.items() if isinstance(public, base))
    jwk: dict[str, Any] = to_jwk(public, as_dict=True)
    return {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
