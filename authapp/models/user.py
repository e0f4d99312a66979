"""User accounts."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, String, Uuid, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import GenericFunction

from authapp import clock
from authapp.models.base import Base, Id


class random_uuid(GenericFunction[UUID]):  # noqa: N801 - the name of an SQL function
    """A random UUID that the database generates, for rows that an earlier release inserts."""

    type = Uuid()
    inherit_cache = True


@compiles(random_uuid)
def _compile_for_postgresql(*_: Any, **__: Any) -> str:
    return "gen_random_uuid()"


@compiles(random_uuid, "sqlite")
def _compile_for_sqlite(*_: Any, **__: Any) -> str:
    return "(lower(hex(randomblob(16))))"


class User(Base):
    """One person's account.

    `email` is stored as entered; `email_key` is its folded form. An account owns its address, and
    can sign in, once the address is verified; only one account can verify it. A missing phone
    number is NULL, and only one account can verify a number. Operators disable an account. Its
    owner freezes it, and unfreezes it by choosing a new password. At `delete_at` the owner loses
    access, and the rows are deleted a little later. `language` is the tag of the language in which
    the owner gets messages, such as `de-AT`; NULL means DEFAULT_LANGUAGE.
    `password_from_email_at` is set if an emailed link set the password, and no second factor was
    used since. `passkey_handle` is a random name for the account that authenticators store with its
    passkeys. `roles` are the names that operators gave to the account, separated by spaces; its
    sessions have a copy (`domain.roles`). `lender_position` is random, unlike an imported id; it
    decides which addresses borrow the account's hash (`domain.credentials`).
    """

    __tablename__ = "users"
    __table_args__ = (
        Index(
            "uq_users_verified_email",
            "email_key",
            unique=True,
            sqlite_where=text("email_verified_at IS NOT NULL"),
            postgresql_where=text("email_verified_at IS NOT NULL"),
        ),
        Index(
            "uq_users_verified_phone",
            "phone",
            unique=True,
            sqlite_where=text("phone_verified_at IS NOT NULL"),
            postgresql_where=text("phone_verified_at IS NOT NULL"),
        ),
        Index(None, "created_at", "id"),
        # Sorted by bytes, in PostgreSQL too: addresses that begin alike are neighbors.
        Index("ix_users_email_key_bytes", "email_key", "id"),
        Index(
            "ix_users_unverified",
            "created_at",
            sqlite_where=text("email_verified_at IS NULL"),
            postgresql_where=text("email_verified_at IS NULL"),
        ),
        Index(
            "ix_users_with_roles",
            "id",
            sqlite_where=text("roles <> ''"),
            postgresql_where=text("roles <> ''"),
        ),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), index=True)
    email_verified_at: Mapped[datetime | None]
    phone: Mapped[str | None] = mapped_column(String(16))
    phone_verified_at: Mapped[datetime | None]
    password_hash: Mapped[str] = mapped_column(String(255))
    password_changed_at: Mapped[datetime] = mapped_column(default=clock.now)
    password_from_email_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    frozen_at: Mapped[datetime | None]
    delete_at: Mapped[datetime | None] = mapped_column(index=True)
    language: Mapped[str | None] = mapped_column(String(11))
    passkey_handle: Mapped[bytes | None]
    granted_scopes: Mapped[str] = mapped_column(String(255), default="", server_default=text("''"))
    roles: Mapped[str] = mapped_column(String(255), default="", server_default=text("''"))
    lender_position: Mapped[UUID] = mapped_column(
        default=uuid4, server_default=random_uuid(), index=True
    )
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
