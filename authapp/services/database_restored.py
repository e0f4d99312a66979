"""Ending everything that a restored database backup has brought back to life.

A backup does not know what was revoked after it was taken, and the cache and the memory of running
processes know rows that the backup does not have.
"""

from collections.abc import Iterator

from sqlalchemy import delete

from authapp import clock
from authapp.models import LostFactor, VerificationToken, VerificationType, db
from authapp.models.changes import update_where
from authapp.models.transaction import transaction
from authapp.services import keys, users
from authapp.services.users import SignedOut
from authapp.token_cache import token_cache


def empty_cache() -> None:
    """Trust the database as it is, and empty the cache; raises RedisUnavailable."""
    token_cache.accept_database()
    token_cache.flush()


def end_everything() -> Iterator[SignedOut]:
    """Replace all signing keys, and end every session, API token and link; yield what ended.

    Devices are no longer remembered. Users keep their passwords and second factors, and "This
    wasn't me" links keep working. It may be repeated. Until it ends, servers that run do not trust
    the cache. Raises RedisUnavailable if entries of the cache could not be removed; they are
    unreadable even so.
    """
    keys.replace_all()
    with transaction():
        update_where(
            VerificationToken,
            VerificationToken.type != VerificationType.NOT_ME,
            VerificationToken.used_at.is_(None),
            VerificationToken.revoked_at.is_(None),
            revoked_at=clock.now(),
        )
        # Its owner may have stopped it since.
        db.session.execute(delete(LostFactor))
    yield from users.sign_out_everyone(tokens=True)
    empty_cache()
