"""Telling owners that sign-in on new devices is blocked after too many wrong passwords.

A worker does it, so that no response depends on whether an address has an account.
"""

from typing import Any

from sqlalchemy import Row

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity
from authapp.domain.client import Client
from authapp.domain.email_addresses import find_owner
from authapp.models import Activity, SignInBlock, User
from authapp.services.worker_queues import answer_all


def answer_blocks() -> int:
    """Email the owner of every address that was blocked; return how many blocks there were."""
    return answer_all(SignInBlock, _answer)


def _answer(block: Row[Any]) -> None:
    owner = find_owner(block.email)
    if owner is not None and owner.disabled_at is None:
        _tell(owner, Client(block.address, block.user_agent))


def _tell(owner: User, client: Client) -> None:
    mail.enqueue(
        "sign_in_blocked",
        to=owner.email,
        user_id=owner.id,
        email=owner.email,
        failures=current_settings().limits.sign_in_in_a_row,
        reset_link=f"{current_settings().deployment.public_url}/password/reset",
    )
    activity.note(owner.id, Activity.SIGN_IN_BLOCKED, client)
