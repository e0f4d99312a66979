"""Giving an account back to an address that it had before: the older address wins."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from authapp import clock
from authapp.delivery import mail
from authapp.domain import activity
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, find_owner
from authapp.errors import Conflict
from authapp.models import Activity, User, VerificationToken, db, delete_user
from authapp.models.changes import update_where


def restore_email(user: User, address: str, *, since: datetime, client: Client) -> None:
    """Make a former address the account's own again, in the caller's transaction.

    `since` is when the link was mailed that says so. What was mailed to other addresses after it
    works no more, so that whoever took the account over cannot take it back; what was mailed
    before it still does, so that the oldest address has the last word. Whoever is displaced is
    told. The caller takes the account first (`standing.take`). Raises Conflict if the address has
    another account by now, unless that has never shown that the address is its own.
    """
    displaced = user.email
    _evict(address)
    try:
        with db.session.begin_nested():
            user.email, user.email_key = address, email_key(address)
            user.email_verified_at = clock.now()
    except IntegrityError:
        raise Conflict("the address has another account by now") from None
    _void_later(user, since)
    activity.note(user.id, Activity.EMAIL_RESTORED, client, email=address, instead_of=displaced)
    mail.enqueue("email_restored", to=displaced, user_id=user.id)


def _evict(address: str) -> None:
    """Delete an account at an address that it has not verified: a thief could have made it."""
    other = find_owner(address)
    if other is not None and other.email_verified_at is None:
        delete_user(other.id)


def _void_later(user: User, since: datetime) -> None:
    standing = select(VerificationToken.id, VerificationToken.target).where(
        VerificationToken.user_id == user.id,
        VerificationToken.created_at > since,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
    )
    others = [id for id, to in db.session.execute(standing) if email_key(to) != user.email_key]
    update_where(VerificationToken, VerificationToken.id.in_(others), revoked_at=clock.now())
