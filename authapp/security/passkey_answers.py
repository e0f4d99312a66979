"""Answers of browsers about passkeys: their parsing and verification (WebAuthn).

`domain.factors.passkeys` decides whose passkey it is, and `passkey_challenges` next to it checks
the challenge.
"""

import base64
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_client_data_json,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorTransport,
    RegistrationCredential,
)

from authapp.security.passkey_options import ALGORITHMS, Site

LONGEST_ID_BYTES: Final = 1023
"""Source: WebAuthn, section 4, credential ID."""
_LONGEST_KEY_BYTES: Final = 1100
"""Enough for RSA with 8192 bits; a longer one would slow down its verification."""
_LEAST_RSA_BITS: Final = 2048
_LONGEST_CHARACTERS: Final = 16_000

DUMMY_KEY: Final = bytes.fromhex(
    "a5010203262001"
    "2158204d397f48d00d8ab633b49c36222569c349cef7fd021a65f1a219281442223bb0"
    "22582009469146ee382be750639ede9b1753950c81fb453f08b947b0cc2c3769567121"
)
"""A P-256 key for answers that name an unknown passkey, so that refusing them takes as long."""

Text = Annotated[str, msgspec.Meta(max_length=_LONGEST_CHARACTERS)]


class AnswerRefused(Exception):
    """What the browser sent is not a valid answer."""


class _AssertionResponse(msgspec.Struct):
    client_data: Text = msgspec.field(name="clientDataJSON")
    authenticator_data: Text = msgspec.field(name="authenticatorData")
    signature: Text
    user_handle: Text | None = msgspec.field(name="userHandle", default=None)


class _Assertion(msgspec.Struct):
    raw_id: Text = msgspec.field(name="rawId")
    response: _AssertionResponse


class _AttestationResponse(msgspec.Struct):
    client_data: Text = msgspec.field(name="clientDataJSON")
    attestation: Text = msgspec.field(name="attestationObject")
    transports: list[Text] = []


class _Attestation(msgspec.Struct):
    raw_id: Text = msgspec.field(name="rawId")
    response: _AttestationResponse


@dataclass(frozen=True)
class Assertion:
    """An answer of a passkey that exists, not yet verified."""

    credential_id: bytes
    challenge: bytes
    user_handle: bytes | None
    credential: AuthenticationCredential


@dataclass(frozen=True)
class Registration:
    """An answer with a new passkey, not yet verified."""

    challenge: bytes
    credential: RegistrationCredential
    transports: str


@dataclass(frozen=True)
class NewPasskey:
    """A verified new passkey; `provider` is the AAGUID, the model of what stores it."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    provider: str


def read_assertion(text: str) -> Assertion:
    """Parse the JSON of an answer to `ask_for_passkey`; raises AnswerRefused."""
    parsed = _decode(text, _Assertion)
    response = parsed.response
    raw_id, client_data = _bytes(parsed.raw_id), _bytes(response.client_data)
    user_handle = _bytes(response.user_handle) if response.user_handle else None
    credential = AuthenticationCredential(
        id=bytes_to_base64url(raw_id),
        raw_id=raw_id,
        response=AuthenticatorAssertionResponse(
            client_data_json=client_data,
            authenticator_data=_bytes(response.authenticator_data),
            signature=_bytes(response.signature),
            user_handle=user_handle,
        ),
    )
    return Assertion(raw_id, _challenge(client_data), user_handle, credential)


def read_registration(text: str) -> Registration:
    """Parse the JSON of an answer to `ask_for_new_passkey`; raises AnswerRefused."""
    parsed = _decode(text, _Attestation)
    raw_id, client_data = _bytes(parsed.raw_id), _bytes(parsed.response.client_data)
    credential = RegistrationCredential(
        id=bytes_to_base64url(raw_id),
        raw_id=raw_id,
        response=AuthenticatorAttestationResponse(
            client_data_json=client_data,
            attestation_object=_bytes(parsed.response.attestation),
        ),
    )
    transports = {each.value for each in AuthenticatorTransport} & {*parsed.response.transports}
    return Registration(_challenge(client_data), credential, " ".join(sorted(transports)))


def verify_assertion(
    assertion: Assertion, *, site: Site, public_key: bytes, verifies_user: bool
) -> int:
    """Return the passkey's new counter if its key signed the challenge; raises AnswerRefused.

    The caller checks the challenge, and that the counter is higher than the last one: a copied
    passkey must be distinguished from an invalid signature.
    """
    try:
        verified = verify_authentication_response(
            credential=assertion.credential,
            expected_challenge=assertion.challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=verifies_user,
        )
    # For hostile bytes, the library also raises what the libraries under it raise.
    except Exception as error:
        raise AnswerRefused(str(error)) from error
    return verified.new_sign_count


def verify_registration(registration: Registration, *, site: Site) -> NewPasskey:
    """Return the new passkey; raises AnswerRefused. The caller checks the challenge."""
    try:
        verified = verify_registration_response(
            credential=registration.credential,
            expected_challenge=registration.challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            require_user_verification=True,
            supported_pub_key_algs=ALGORITHMS,
        )
        key = decode_credential_public_key(verified.credential_public_key)
        public_key = decoded_public_key_to_cryptography(key)
    # As in `verify_assertion`.
    except Exception as error:
        raise AnswerRefused(str(error)) from error
    if not _suits(public_key, key.alg):
        raise AnswerRefused("the public key does not suit its algorithm")
    made = NewPasskey(
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        provider=verified.aaguid,
    )
    if not 16 <= len(made.credential_id) <= LONGEST_ID_BYTES:
        raise AnswerRefused("the credential ID has an invalid length")
    if len(made.public_key) > _LONGEST_KEY_BYTES:
        raise AnswerRefused("the public key is too long")
    if made.credential_id != registration.credential.raw_id:
        raise AnswerRefused("the answer names another credential than the authenticator")
    return made


def _suits(key: object, algorithm: int) -> bool:
    """Return whether signatures by a key can be verified, which registration does not try."""
    if algorithm == COSEAlgorithmIdentifier.ECDSA_SHA_256:
        return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    if algorithm == COSEAlgorithmIdentifier.EDDSA:
        return isinstance(key, Ed25519PublicKey)
    return isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS


def _decode(text: str, type: type[Any]) -> Any:
    if len(text) > _LONGEST_CHARACTERS:
        raise AnswerRefused("the answer is too long")
    try:
        return msgspec.json.decode(text, type=type)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise AnswerRefused("the answer is not the expected JSON") from error


def _challenge(client_data: bytes) -> bytes:
    """Return the challenge that the browser says it answered; raises AnswerRefused."""
    try:
        parsed = parse_client_data_json(client_data)
    # As in `verify_assertion`.
    except Exception as error:
        raise AnswerRefused("the client data is malformed") from error
    if parsed.cross_origin:
        raise AnswerRefused("the answer is from a page in a frame of another site")
    return parsed.challenge


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise AnswerRefused("the answer is not base64url") from error
