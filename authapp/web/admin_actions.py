"""What an administrator can do to an account: its name, its effect, and the use case."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final, NamedTuple
from uuid import UUID

from authapp.errors import NotFound
from authapp.models import User
from authapp.services import invitations, password_reset, users
from authapp.web.catalogue import lazy_gettext as _l


class Action(StrEnum):
    """An action, by its name in addresses and in the audit log."""

    INVITE_AGAIN = "re-invite"
    SEND_RESET = "send-reset"
    SIGN_OUT = "sign-out"
    ENABLE = "enable"
    DISABLE = "disable"


class Description(NamedTuple):
    """An action's name, its effect, what to say once it is done, and what does it."""

    name: Any
    effect: Any
    done: Any
    do: Callable[[UUID], object]


_DESCRIPTIONS: Final = {
    Action.INVITE_AGAIN: Description(
        _l("Send invitation again"),
        _l("We'll email a new invitation link. Earlier links stop working."),
        _l("The invitation will be emailed within a few seconds."),
        invitations.invite_again,
    ),
    Action.SEND_RESET: Description(
        _l("Send password reset link"),
        _l(
            "We'll email the owner a link to choose a new password. The current password keeps "
            "working until then."
        ),
        _l("The link will be emailed within a few seconds."),
        password_reset.send,
    ),
    Action.SIGN_OUT: Description(
        _l("Sign out everywhere"),
        _l("All devices of the account are signed out. Its API tokens keep working."),
        _l("All devices of the account have been signed out."),
        users.sign_out,
    ),
    Action.ENABLE: Description(
        _l("Enable account"),
        _l("Its owner can sign in again. Sessions and API tokens that have ended stay ended."),
        _l("The account has been enabled."),
        users.enable,
    ),
    Action.DISABLE: Description(
        _l("Disable account"),
        _l(
            "All sessions and API tokens of the account end at once. Its owner can't sign in until "
            "you enable it again."
        ),
        _l("The account has been disabled."),
        users.disable,
    ),
}


def describe(name: str) -> Description:
    """Return an action by its name; raises NotFound."""
    try:
        return _DESCRIPTIONS[Action(name)]
    except ValueError:
        raise NotFound("no such action") from None


def offered(user: User) -> list[tuple[Action, Description]]:
    """Return the actions that make sense for an account, the most drastic one last."""
    if user.disabled_at is not None:
        chosen = [Action.ENABLE]
    elif invitations.is_pending(user):
        may_invite = invitations.are_possible()
        chosen = [Action.INVITE_AGAIN, Action.DISABLE] if may_invite else [Action.DISABLE]
    else:
        chosen = [Action.SEND_RESET, Action.SIGN_OUT, Action.DISABLE]
    return [(each, _DESCRIPTIONS[each]) for each in chosen]
