"""Reading every account, page by page, for another system."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select

from authapp.models import AuthenticatorApp, Passkey, User, db
from authapp.models.lookups import has_row
from authapp.models.transaction import release_connection

_PAGE = 1_000
"""Accounts that are read in one statement."""


class ExportedAccount(NamedTuple):
    """An account; `services.import_users` reads all fields but `has_second_factor`."""

    id: UUID
    email: str
    email_verified_at: datetime | None
    phone: str | None
    phone_verified_at: datetime | None
    created_at: datetime
    language: str | None
    disabled_at: datetime | None
    frozen_at: datetime | None
    delete_at: datetime | None
    has_second_factor: bool
    password_hash: str | None


def export(*, with_password_hashes: bool) -> Iterator[Sequence[ExportedAccount]]:
    """Yield every account in pages, in the order of their ids.

    No transaction is open while a page is in use, so a slow reader holds nothing.
    """
    after = UUID(int=0)
    while page := _page_after(after, with_password_hashes=with_password_hashes):
        release_connection()
        yield page
        after = page[-1].id


def _page_after(after: UUID, *, with_password_hashes: bool) -> list[ExportedAccount]:
    app = AuthenticatorApp.user_id == User.id, AuthenticatorApp.confirmed_at.is_not(None)
    passkey = Passkey.user_id == User.id, Passkey.reported_at.is_(None)
    has_second_factor = or_(
        has_row(AuthenticatorApp.user_id, *app), has_row(Passkey.user_id, *passkey)
    )
    columns = [
        getattr(User, name)
        for name in ExportedAccount._fields
        if name not in ("has_second_factor", "password_hash")
    ]
    found = select(*columns, has_second_factor, User.password_hash)
    rows = db.session.execute(found.where(User.id > after).order_by(User.id).limit(_PAGE))
    accounts = [ExportedAccount._make(row) for row in rows]
    if with_password_hashes:
        return accounts
    return [account._replace(password_hash=None) for account in accounts]
