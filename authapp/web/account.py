"""The account page, and the sections of the account that its menu lists."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from authapp.services import account as service
from authapp.services import verify_phone
from authapp.web import i18n, passkeys, second_factors
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.fragments import fragment


def _always() -> bool:
    return True


class Section(NamedTuple):
    """A section of the account: an entry of the menu, and a row of the account page.

    Pages with an address below that of `endpoint` belong to the section. `action` is the link in
    the row; a section without one is in the menu only.
    """

    endpoint: str
    name: Any
    about: Any = ""
    action: Any = ""
    is_offered: Callable[[], bool] = _always

    @property
    def feature(self) -> str:
        """The name of the page's blueprint."""
        return self.endpoint.partition(".")[0]


class Entry(NamedTuple):
    """An entry of the menu; `current` is its `aria-current`, or None elsewhere."""

    url: str
    name: Any
    current: str | None


# In the order of the menu.
SECTIONS: Final = (
    Section("account.show", _l("Overview")),
    Section("change_email.show", _l("Email address")),
    Section("phone.show", _l("Phone number"), is_offered=verify_phone.is_available),
    Section(
        "change_password.show",
        _l("Password"),
        _l("You can sign out your other devices when you change it."),
        _l("Change"),
    ),
    Section(
        "second_factors.show",
        _l("Two-step sign-in"),
        _l("Ask for a code from your phone when someone signs in with your password."),
        _l("Manage"),
        is_offered=second_factors.is_shown,
    ),
    Section(
        "passkeys.show",
        _l("Passkeys"),
        _l("Sign in with your fingerprint, face, screen lock or security key."),
        _l("Manage"),
        is_offered=passkeys.is_shown,
    ),
    Section(
        "sessions.show",
        _l("Signed-in devices"),
        _l("See your devices and sign out those you don't use."),
        _l("Review"),
    ),
    Section(
        "activity.show",
        _l("Recent activity"),
        _l("Sign-ins and changes to your account: when, where and on which device."),
        _l("View"),
    ),
    Section(
        "api_tokens.show",
        _l("API tokens"),
        _l("Let programs act on your behalf."),
        _l("Manage"),
    ),
    Section(
        "download_data.show",
        _l("Download your data"),
        _l("Get a copy of all data we store about you."),
        _l("Download"),
    ),
    Section(
        "delete_account.show",
        _l("Delete your account"),
        _l("Permanently delete your account and data."),
        _l("Delete"),
    ),
)

_TOP: Final = "/account"

# The sections of account pages with an address that is not below that of their section.
_ELSEWHERE: Final = {"verify_phone": "phone"}

# Account pages that ask one question before the user continues.
_WITHOUT_MENU: Final = ("step_up",)


def menu() -> str:
    """Return the menu if the current page is one of the account's, else an empty string."""
    here, feature = request.path, request.blueprint or ""
    is_below = here == _TOP or here.startswith(f"{_TOP}/")
    sections = {section.feature for section in SECTIONS}
    if g.identity is None or feature in _WITHOUT_MENU:
        return ""
    if not is_below and feature not in _ELSEWHERE and feature not in sections:
        return ""
    offered = _offered()
    # Which entry is the current one depends on the endpoint alone.
    key = (request.endpoint, *(section.feature for section in offered))
    entries = (_entry(section, here, feature) for section in offered)
    return fragment("parts/menu.html", *key, entries=entries)


def _entry(section: Section, here: str, feature: str) -> Entry:
    url = url_for(section.endpoint)
    if here == url:
        return Entry(url, section.name, "page")
    is_below = url != _TOP and here.startswith(f"{url}/")
    is_current = is_below or _ELSEWHERE.get(feature, feature) == section.feature
    return Entry(url, section.name, "true" if is_current else None)


def rows() -> str:
    """Return the account page's rows of the sections that have one."""
    shown = [section for section in _offered() if section.action]
    names = (section.feature for section in shown)
    return fragment("account/sections.html", *names, sections=shown)


def _offered() -> list[Section]:
    return [section for section in SECTIONS if section.is_offered()]


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
