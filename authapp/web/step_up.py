"""Asks a signed-in user to confirm who they are before sensitive pages."""

from typing import Any, Final

from flask import Blueprint, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from authapp.domain.sessions import SignedIn
from authapp.errors import InputRefused, TooManyAttempts
from authapp.http.client import client
from authapp.services import account, passkeys
from authapp.services import step_up as service
from authapp.services.step_up import Way
from authapp.web import authn, drafts, messages
from authapp.web.browser import browser_secret
from authapp.web.forms import (
    CodeForm,
    Form,
    PasskeyForm,
    password_field,
    refuse_codes,
    show_refusal,
)
from authapp.web.navigation import page_after_sign_in

blueprint = Blueprint("step_up", __name__, url_prefix="/account/confirm")


class PasswordForm(Form):
    """The signed-in user's password."""

    password = password_field("current-password")


# Each form has one field, which is named after its way.
_FORMS: Final[dict[Way, type[Form]]] = {
    Way.PASSWORD: PasswordForm,
    Way.CODE: CodeForm,
    Way.PASSKEY: PasskeyForm,
}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show a form for each way that the account can use."""
    if service.is_fresh(g.identity) and not service.lacks_factor(g.identity):
        return redirect(page_after_sign_in())
    forms = _forms()
    return _render(forms, next(iter(forms)))


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Check what the user entered, and continue to the requested page."""
    forms = _forms()
    way = next((each for each in forms if each in request.form), next(iter(forms)))
    form = forms[way]
    if not form.validate():
        return _render(forms, way), 422
    try:
        confirmed = _confirm(way, form[way].data)
    except TooManyAttempts as refusal:
        limited = refuse_codes(form[way], refusal, messages.PASSWORD)
        return _render(forms, way), *limited
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(forms, way), 422
    authn.set_session_cookies(confirmed)
    drafts.tell_if_lost()
    return redirect(page_after_sign_in(), 303)


@blueprint.get("/options")
def options() -> ResponseReturnValue:
    """Return the options with which the browser asks for one of the account's passkeys."""
    return jsonify(passkeys.begin_check(g.identity, browser=browser_secret()))


def _confirm(way: Way, entered: str) -> SignedIn:
    if way is Way.PASSWORD:
        return service.confirm_password(g.identity, entered, client=client())
    if way is Way.CODE:
        return service.confirm_code(g.identity, entered, client=client())
    browser = browser_secret()
    return service.confirm_passkey(g.identity, entered, browser=browser, client=client())


def _forms() -> dict[Way, Any]:
    return {way: _FORMS[way]() for way in service.ways(g.identity)}


def _render(forms: dict[Way, Any], refused: Way) -> str:
    return render_template(
        "step_up/show.html",
        forms=forms,
        refused=forms[refused],
        is_kept=drafts.is_kept(),
        account=account.get_account(g.identity.user_id),
    )
