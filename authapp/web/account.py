"""The account page, and what it leads to."""

from typing import Any, Final, NamedTuple

from flask import Blueprint, g, render_template, request
from flask.typing import ResponseReturnValue

from authapp.services import account as service
from authapp.services import verify_phone
from authapp.web.catalogue import lazy_gettext as _l


class Section(NamedTuple):
    """A page of the account: where it is, what it is called, and what one does there.

    `is_leaving` sets it apart, for what cannot be taken back.
    """

    endpoint: str
    name: Any
    about: Any
    is_leaving: bool = False


SECTIONS: Final[list[Section]] = []

_TOP: Final = Section("account.show", _l("Your account"), "")
_BELOW: Final = "/account/"

# Pages of the account whose address says something else.
_ELSEWHERE: Final = ("verify_phone",)

# In the order in which the account page lists them; what is not named comes after.
_ORDER: Final = ("change_email", "change_password", "sessions", "activity")


def sections() -> list[Section]:
    """Return the pages of the account, in order."""

    def place(section: Section) -> int:
        feature = _feature(section)
        return _ORDER.index(feature) if feature in _ORDER else len(_ORDER)

    return sorted(SECTIONS, key=place)


def _feature(section: Section) -> str:
    return section.endpoint.partition(".")[0]


def trail_to_here() -> list[Section]:
    """Return the pages that lead to the current page, if it is an account page."""
    if g.identity is None:
        return []
    above = [section for section in SECTIONS if _feature(section) == request.blueprint]
    is_below = request.path.startswith(_BELOW) or request.blueprint in _ELSEWHERE
    if not above and not is_below:
        return []
    return [_TOP, *(section for section in above if section.endpoint != request.endpoint)]


blueprint = Blueprint("account", __name__, url_prefix="/account")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the signed-in user's account."""
    return render_template(
        "account/show.html",
        account=service.get_account(g.identity.user_id),
        can_verify_phone=verify_phone.is_available(),
    )
