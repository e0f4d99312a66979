"""The secrets of endpoints, sealed under KEY_ENCRYPTION_KEYS and bound to their endpoint."""

from uuid import UUID

from sqlalchemy import select

from authapp import clock
from authapp.config import current_settings
from authapp.errors import Conflict
from authapp.models import WebhookEndpoint, db
from authapp.security.derivation import derive_key
from authapp.security.sealing import SealBroken, Sealer


def seal(secret: bytes, endpoint_id: UUID) -> bytes:
    """Return a secret as it is stored."""
    return _sealer().seal(secret, bound_to=endpoint_id.bytes)


def current(endpoint: WebhookEndpoint) -> list[bytes]:
    """Return the secrets that sign requests now: the newest, and the former one if it still does.

    Raises SealBroken if none of KEY_ENCRYPTION_KEYS opens them.
    """
    sealed = [endpoint.secret_sealed]
    former, until = endpoint.former_secret_sealed, endpoint.former_until
    if former is not None and until is not None and until > clock.now():
        sealed.append(former)
    return [_sealer().open(each, bound_to=endpoint.id.bytes) for each in sealed]


def reseal_all() -> None:
    """Seal every secret that was not sealed under the first key again, in the caller's transaction.

    Raises Conflict if none of the configured keys opens one.
    """
    # A secret that is replaced at the same time must not come back.
    locked = select(WebhookEndpoint).order_by(WebhookEndpoint.id).with_for_update()
    for endpoint in db.session.scalars(locked.execution_options(populate_existing=True)):
        endpoint.secret_sealed = _reseal(endpoint.secret_sealed, endpoint.id)
        if endpoint.former_secret_sealed is not None:
            endpoint.former_secret_sealed = _reseal(endpoint.former_secret_sealed, endpoint.id)


def _reseal(sealed: bytes, endpoint_id: UUID) -> bytes:
    sealer = _sealer()
    if sealer.is_current(sealed):
        return sealed
    try:
        plain = sealer.open(sealed, bound_to=endpoint_id.bytes)
    except SealBroken as error:
        reason = f"none of KEY_ENCRYPTION_KEYS decrypts the secret of the webhook {endpoint_id}"
        raise Conflict(reason) from error
    return sealer.seal(plain, bound_to=endpoint_id.bytes)


def _sealer() -> Sealer:
    keys = current_settings().secrets.key_encryption_keys
    return Sealer([derive_key(key, "webhook secrets") for key in keys])
