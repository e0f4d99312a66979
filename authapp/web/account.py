"""The account page, and the list of the pages that it links to."""

from typing import Any, Final, NamedTuple

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from authapp.services import account as service
from authapp.services import verify_phone
from authapp.web import i18n
from authapp.web.catalogue import lazy_gettext as _l


class Section(NamedTuple):
    """A page of the account, as the account page and the breadcrumbs show it.

    `is_leaving` lists it apart, because its effect cannot be undone.
    """

    endpoint: str
    name: Any
    about: Any
    is_leaving: bool = False

    @property
    def feature(self) -> str:
        """The name of the page's blueprint."""
        return self.endpoint.partition(".")[0]


# In the order in which the account page lists them.
SECTIONS: Final = (
    Section(
        "change_email.show", _l("Email address"), _l("Change the email address of your account.")
    ),
    Section(
        "change_password.show",
        _l("Password"),
        _l("Change your password and sign out your other devices."),
    ),
    Section(
        "second_factors.show",
        _l("Two-step sign-in"),
        _l("Ask for a code from your phone when someone signs in with your password."),
    ),
    Section(
        "sessions.show",
        _l("Where you are signed in"),
        _l("See your devices and sign out those you don't use."),
    ),
    Section(
        "activity.show",
        _l("Recent activity"),
        _l("Sign-ins and changes to your account: when, where and on which device."),
    ),
    Section("api_tokens.show", _l("API tokens"), _l("Let programs act on your behalf.")),
    Section(
        "download_data.show",
        _l("Download your data"),
        _l("Get a copy of all data we store about you."),
    ),
    Section(
        "delete_account.show",
        _l("Delete your account"),
        _l("Permanently delete your account and data."),
        is_leaving=True,
    ),
)

_TOP: Final = Section("account.show", _l("Your account"), "")
_BELOW: Final = "/account/"

# Account pages with an address outside /account/.
_ELSEWHERE: Final = ("verify_phone",)


def trail_to_here() -> list[Section]:
    """Return the pages that lead to the current page, if it is an account page."""
    if g.identity is None:
        return []
    above = [section for section in SECTIONS if section.feature == request.blueprint]
    is_below = request.path.startswith(_BELOW) or request.blueprint in _ELSEWHERE
    if not above and not is_below:
        return []
    return [_TOP, *(section for section in above if section.endpoint != request.endpoint)]


blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the signed-in user's account."""
    account = service.get_account(g.identity.user_id)
    i18n.follow(account.language)
    return render_template(
        "account/show.html",
        account=account,
        can_verify_phone=verify_phone.is_available(),
    )
