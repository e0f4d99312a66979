"""What a browser is asked for: to use a passkey of this site, or to create one (WebAuthn)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from webauthn import generate_authentication_options, generate_registration_options
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]

_PATIENCE: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Site:
    """The site that passkeys are bound to: its domain, its origin, and its name for people."""

    domain: str
    origin: str
    name: str


@dataclass(frozen=True)
class Known:
    """A passkey that the browser should use, or should not create again."""

    credential_id: bytes
    transports: str


def ask_for_passkey(
    site: Site, challenge: bytes, *, known: Sequence[Known] = (), verifies_user: bool
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.get`; without `known`, the user chooses."""
    required = UserVerificationRequirement.REQUIRED
    options = generate_authentication_options(
        rp_id=site.domain,
        challenge=challenge,
        timeout=_milliseconds(_PATIENCE),
        allow_credentials=[_descriptor(each) for each in known],
        user_verification=required if verifies_user else UserVerificationRequirement.DISCOURAGED,
    )
    return options_to_json_dict(options)


def ask_for_new_passkey(
    site: Site, challenge: bytes, *, user_handle: bytes, user_name: str, known: Sequence[Known]
) -> dict[str, Any]:
    """Return the options of `navigator.credentials.create`."""
    options = generate_registration_options(
        rp_id=site.domain,
        rp_name=site.name,
        user_id=user_handle,
        user_name=user_name,
        challenge=challenge,
        timeout=_milliseconds(_PATIENCE),
        # Without them, a passkey could not sign in alone.
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[_descriptor(each) for each in known],
        supported_pub_key_algs=ALGORITHMS,
    )
    return options_to_json_dict(options)


def _descriptor(known: Known) -> PublicKeyCredentialDescriptor:
    transports = [AuthenticatorTransport(each) for each in known.transports.split()]
    return PublicKeyCredentialDescriptor(id=known.credential_id, transports=transports)


def _milliseconds(duration: timedelta) -> int:
    return duration // timedelta(milliseconds=1)
