"""Adding accounts that another system exported, in batches that can be repeated."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from authapp.domain import passwords
from authapp.domain.imported_accounts import ImportedAccount
from authapp.errors import Conflict
from authapp.models import User, db
from authapp.models.transaction import transaction
from authapp.security.imported_passwords import Source

MOST: Final = 5_000
"""Accounts in one batch, whose addresses are looked up in one statement."""

_TRIES: Final = 3

EXISTS: Final = "the address already has an account"
ID_TAKEN: Final = "another account has this id"
PHONE_TAKEN: Final = "another account has this phone number"


def require_secret(source: Source) -> None:
    """Raise Conflict if this source's hashes need a secret that is not set."""
    needed = {
        Source.FLASK_SECURITY: "IMPORT_FLASK_SECURITY_SALT",
        Source.FIREBASE: "IMPORT_FIREBASE_SIGNER_KEY",
    }
    if source in needed and not passwords.secrets_of_imports()[source]:
        raise Conflict(f"set {needed[source]} first, here and in every server")


def no_password() -> str:
    """Return the hash of a password that no one knows, for accounts that come without one."""
    return passwords.hash_of_no_password()


class Rehearsal:
    """Finds out what `add` would leave out, without adding anything.

    It remembers the addresses of former batches in a file without a name, so not in memory.
    """

    def __init__(self) -> None:
        self._seen = sqlite3.connect("")
        self._seen.execute("CREATE TABLE seen (key TEXT PRIMARY KEY) WITHOUT ROWID")

    def check(self, accounts: Sequence[ImportedAccount]) -> list[str | None]:
        """Return for each account why it would not be added, or None."""
        with transaction():
            reasons = _reasons(accounts)
        return [
            reason or self._remember(account)
            for account, reason in zip(accounts, reasons, strict=True)
        ]

    def _remember(self, account: ImportedAccount) -> str | None:
        insert = "INSERT OR IGNORE INTO seen VALUES (?)"
        is_new = self._seen.execute(insert, (account.email_key,)).rowcount == 1
        return None if is_new else EXISTS


def add(accounts: Sequence[ImportedAccount], *, without_password: str) -> list[str | None]:
    """Add accounts in one transaction; return for each why it was not added, or None.

    `without_password` is what `no_password` returned.
    """
    for _ in range(_TRIES):
        try:
            with transaction():
                reasons = _reasons(accounts)
                _write(accounts, reasons, without_password)
        except IntegrityError:
            # Someone else has just added one of them: the next try finds that account.
            continue
        return reasons
    raise Conflict("accounts are being added by someone else; run the command again")


def _write(
    accounts: Sequence[ImportedAccount], reasons: Sequence[str | None], without_password: str
) -> None:
    for account, reason in zip(accounts, reasons, strict=True):
        if reason is None:
            db.session.add(_user(account, without_password))


def _user(account: ImportedAccount, without_password: str) -> User:
    fields = {**vars(account), "email_key": account.email_key}
    if fields["id"] is None:
        del fields["id"]
    return User(**{**fields, "password_hash": account.password_hash or without_password})


def _reasons(accounts: Sequence[ImportedAccount]) -> list[str | None]:
    """Return why each account cannot be added, also because of an earlier one of the batch."""
    owned, waiting = _taken_addresses(accounts)
    phones = _taken(
        User.phone, (account.phone for account in accounts), User.phone_verified_at.is_not(None)
    )
    ids = _taken(User.id, (account.id for account in accounts))
    reasons = []
    for account in accounts:
        reason = _reason(account, owned, waiting, phones, ids)
        reasons.append(reason)
        if reason is None:
            (owned if account.email_verified_at else waiting).add(account.email_key)
            phones.add(account.phone)
            ids.add(account.id)
    return reasons


def _reason(
    account: ImportedAccount,
    owned: set[str],
    waiting: set[str],
    phones: set[str | None],
    ids: set[UUID | None],
) -> str | None:
    if account.email_key in owned:
        return EXISTS
    # A stranger's registration does not keep its owner's account out.
    if account.email_verified_at is None and account.email_key in waiting:
        return EXISTS
    if account.id is not None and account.id in ids:
        return ID_TAKEN
    if account.phone is not None and account.phone in phones:
        return PHONE_TAKEN
    return None


def _taken_addresses(accounts: Sequence[ImportedAccount]) -> tuple[set[str], set[str]]:
    """Return the addresses that accounts own, and those that unverified accounts wait for."""
    keys = {account.email_key for account in accounts}
    found = select(User.email_key, User.email_verified_at).where(User.email_key.in_(keys))
    rows = db.session.execute(found).all()
    owned = {row.email_key for row in rows if row.email_verified_at is not None}
    return owned, {row.email_key for row in rows} - owned


def _taken(
    column: InstrumentedAttribute[Any], values: Iterable[Any], *conditions: ColumnElement[bool]
) -> set[Any]:
    """Return which of these values, without None, accounts have in a column."""
    wanted = {value for value in values if value is not None}
    if not wanted:
        return set()
    return set(db.session.scalars(select(column).where(column.in_(wanted), *conditions)))
