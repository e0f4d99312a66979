"""Giving roles to accounts, and taking them away."""

from uuid import UUID

from authapp.domain import account_status, activity, roles, sessions
from authapp.domain.factors import second_factors
from authapp.models import Activity, EndReason
from authapp.models.transaction import transaction


def grant(user_id: UUID, role: str) -> None:
    """Give an account a role; its sessions have it from the next request on.

    If SECOND_FACTOR_ROLES has the role, sessions that began without a second factor end, even if
    the account has one: someone else may have begun them before it had. Its owner uses one, or sets
    one up, when signing in again. Does nothing if it has the role. Raises InputRefused, NotFound,
    or Conflict for too many roles.
    """
    name = roles.parse_role(role)
    with transaction():
        if not roles.add(account_status.lock(user_id), name):
            return
        activity.note(user_id, Activity.ROLE_GRANTED, None, role=name)
        if second_factors.is_required([name]):
            sessions.end_without_second_factor(user_id, EndReason.SIGNED_OUT_BY_OPERATOR)


def withdraw(user_id: UUID, role: str) -> None:
    """Take a role away; the account's sessions go on without it from the next request on.

    Raises NotFound if the account does not have it.
    """
    with transaction():
        roles.remove(account_status.lock(user_id), role)
        activity.note(user_id, Activity.ROLE_WITHDRAWN, None, role=role)
