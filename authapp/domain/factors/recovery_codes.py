"""Recovery codes: an account's set of codes, each of which replaces its second factor once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

from sqlalchemy import delete, func, select, update

from authapp import clock
from authapp.domain import passwords
from authapp.domain.factors.authentication_methods import Factor
from authapp.domain.limits import code_guesses, rate_limits
from authapp.errors import InputRefused
from authapp.models import RecoveryCode, db
from authapp.security import recovery_codes

COUNT: Final = 10
"""Number of codes in a set."""


@dataclass(frozen=True)
class UnusedCode:
    """A correct recovery code that was not used when it was checked."""

    factor: ClassVar[Factor] = Factor.RECOVERY_CODE

    user_id: UUID
    digest: bytes


def check(user_id: UUID, code: str) -> UnusedCode:
    """Count a guess at a recovery code, and check it; hashing it is slow.

    Raises InputRefused, TooManyAttempts, and Overloaded, which is not counted.
    """
    guesses = code_guesses.at_recovery_code(user_id)
    code_guesses.spend(guesses)
    with rate_limits.unless_unavailable(guesses):
        digest = hash_all(user_id, [code])[0]
    found = select(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.digest == digest
    )
    row = db.session.scalar(found)
    if row is None:
        raise InputRefused("code", "wrong_recovery_code")
    if row.used_at is not None:
        raise InputRefused("code", "recovery_code_used")
    return UnusedCode(user_id, digest)


def claim(code: UnusedCode) -> None:
    """Use up a code in the caller's transaction.

    Raises InputRefused if another request used it first.
    """
    claimed = (
        update(RecoveryCode)
        .where(
            RecoveryCode.user_id == code.user_id,
            RecoveryCode.digest == code.digest,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=clock.now())
        .returning(RecoveryCode.user_id)
    )
    if db.session.scalar(claimed) is None:
        raise InputRefused("code", "recovery_code_used")


def hash_all(user_id: UUID, codes: Sequence[str]) -> list[bytes]:
    """Return the digests of codes; call it before the transaction. Raises Overloaded."""
    with passwords.hashing_slot():
        return [recovery_codes.digest(code, salt=user_id.bytes) for code in codes]


def replace(user_id: UUID, digests: Sequence[bytes]) -> None:
    """Replace an account's codes in the caller's transaction."""
    db.session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    db.session.add_all(RecoveryCode(user_id=user_id, digest=each) for each in digests)


def count_left(user_id: UUID) -> int:
    """Return how many codes of an account are left."""
    left = select(func.count()).where(
        RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    )
    return db.session.scalar(left) or 0
