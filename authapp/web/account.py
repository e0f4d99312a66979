"""The account page, and what it leads to."""

from typing import Any, Final, NamedTuple

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from authapp.services import account as service
from authapp.services import verify_phone


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

# Pages of the account whose address says something else.
_ELSEWHERE: Final = ("verify_phone",)

# In the order in which the account page lists them; what is not named comes after.
_ORDER: Final = ("change_email", "change_password", "sessions", "activity")


def sections() -> list[Section]:
    """Return the pages of the account, in order."""

    def place(section: Section) -> int:
        feature = section.endpoint.partition(".")[0]
        return _ORDER.index(feature) if feature in _ORDER else len(_ORDER)

    return sorted(SECTIONS, key=place)


def trail_to_here() -> list[Section]:
    """Return the pages that lead to the page at hand, if it is a page of the account."""
    if g.identity is None:
        return []
    paths = {url_for(section.endpoint): section for section in SECTIONS}
    top = url_for(_TOP.endpoint)
    is_below = request.path.startswith(f"{top}/") or request.blueprint in _ELSEWHERE
    if request.path not in paths and not is_below:
        return []
    return [_TOP, *(paths[path] for path in paths if request.path.startswith(f"{path}/"))]


account = Blueprint("account", __name__, url_prefix="/account")


@account.get("")
def show() -> ResponseReturnValue:
    """Show the account of whoever is signed in."""
    return render_template(
        "account/show.html",
        account=service.get_account(g.identity.user_id),
        can_verify_phone=verify_phone.is_available(),
    )
