"""Restoring an account's former email address: the older address wins."""

from datetime import datetime

from sqlalchemy import select

from authapp import clock
from authapp.delivery import mail
from authapp.domain import activity
from authapp.domain.client import Client
from authapp.domain.email_addresses import email_key, own_address
from authapp.models import Activity, User, VerificationToken, db
from authapp.models.changes import update_where


def restore_email(user: User, address: str, *, since: datetime, client: Client) -> None:
    """Restore a former address in the caller's transaction, and notify the displaced one.

    `since` is when the link that restores it was sent. Links sent to other addresses after that
    are revoked, so that an attacker who took over the account cannot take it back. Links sent
    earlier stay valid, so that the oldest address always wins. The caller locks the account first
    (`account_status.lock`). Raises Conflict if another account has verified the address since.
    """
    displaced = user.email
    own_address(user, address)
    _void_later(user, since)
    activity.note(user.id, Activity.EMAIL_RESTORED, client, email=address, instead_of=displaced)
    mail.enqueue("email_restored", to=displaced, user_id=user.id)


def _void_later(user: User, since: datetime) -> None:
    later = select(VerificationToken.id, VerificationToken.target).where(
        VerificationToken.user_id == user.id,
        VerificationToken.created_at > since,
        VerificationToken.used_at.is_(None),
        VerificationToken.revoked_at.is_(None),
    )
    others = [id for id, to in db.session.execute(later) if email_key(to) != user.email_key]
    update_where(VerificationToken, VerificationToken.id.in_(others), revoked_at=clock.now())
