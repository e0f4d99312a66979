"""Telling owners that sign-in on new devices is blocked after too many wrong passwords.

A worker does it, so that no response depends on whether an address has an account.
"""

from authapp.config import current_settings
from authapp.delivery import mail
from authapp.domain import activity, queued_requests
from authapp.domain.client import Client
from authapp.domain.email_addresses import find_owner
from authapp.models import Activity, SignInBlock, User
from authapp.models.transaction import transaction


def answer_blocks() -> int:
    """Email the owner of every address that was blocked; return how many blocks there were."""
    answered = 0
    while _answer_oldest():
        answered += 1
    return answered


def _answer_oldest() -> bool:
    if not queued_requests.is_waiting(SignInBlock):
        return False
    with transaction():
        block = queued_requests.claim_oldest(SignInBlock)
        owner = find_owner(block.email) if block is not None else None
        if owner is not None and owner.disabled_at is None:
            _tell(owner, Client(block.address, block.user_agent))
    return block is not None


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
