"""The second step of signing in: a code from an authenticator app, or a recovery code."""

from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import StringField
from wtforms.validators import InputRequired

from authapp.config import current_settings
from authapp.errors import InputRefused, NotAllowed, TokenRefused, TooManyAttempts
from authapp.services import login_code as service
from authapp.web import flows, login, messages
from authapp.web.browser import sign_in_device
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, Form, RememberDeviceForm, refuse_codes
from authapp.web.navigation import page_after_sign_in

blueprint = Blueprint("login_code", __name__, url_prefix="/login")


class AppCodeForm(RememberDeviceForm, CodeForm):
    """A code of the authenticator app, and whether to ask for one on this device again."""


class RecoveryCodeForm(Form):
    """A recovery code; unlike other codes, it has letters."""

    recovery_code = StringField(
        _l("Recovery code"),
        validators=[InputRequired(_l("Enter one of your recovery codes."))],
        render_kw={
            "autocomplete": "off",
            "enterkeyhint": "go",
            "autocapitalize": "none",
            "spellcheck": "false",
            "class": "code",
        },
    )


# The form of each path, and the name of its field and its template.
_FORMS: Final[dict[str, tuple[type[Form], str]]] = {
    "code": (AppCodeForm, "code"),
    "recovery-code": (RecoveryCodeForm, "recovery_code"),
}

_INSTEAD: Final = {"code": messages.RECOVERY_CODE, "recovery_code": messages.ASK_SUPPORT_TO_SIGN_IN}

_PATH: Final = "/<any(code, 'recovery-code'):kind>"


@blueprint.get(_PATH)
def show(kind: str) -> ResponseReturnValue:
    """Ask for a code; visitors who have not entered their password start at the beginning."""
    if g.identity:
        return redirect(page_after_sign_in())
    pending = flows.opened(flows.SECOND_FACTOR)
    make_form, name = _FORMS[kind]
    return _render(name, make_form(), pending) if pending else begin_again()


@blueprint.post(_PATH)
def submit(kind: str) -> ResponseReturnValue:
    """Complete the sign-in, and continue to the requested page."""
    pending = flows.opened(flows.SECOND_FACTOR)
    if pending is None:
        return begin_again()
    make_form, name = _FORMS[kind]
    form = make_form()
    if not form.validate():
        return _render(name, form, pending), 422
    try:
        signed_in = service.complete_sign_in(
            pending.subject,
            form[name].data,
            device=sign_in_device(),
            remember_device=isinstance(form, AppCodeForm) and form.remembers_device,
        )
    except TooManyAttempts as refusal:
        limited = refuse_codes(form[name], refusal, _INSTEAD[name])
        return _render(name, form, pending), *limited
    except InputRefused as refusal:
        form[name].errors = [messages.for_input(refusal)]
        return _render(name, form, pending), 422
    except (TokenRefused, NotAllowed):
        # The sign-in page explains what happened to the account.
        return begin_again()
    return login.finish(signed_in)


@blueprint.errorhandler(TokenRefused)
def begin_again(_refusal: TokenRefused | None = None) -> ResponseReturnValue:
    """Send a visitor whose pending sign-in has ended back to the password."""
    flash(_("Enter your password to continue."))
    return redirect(url_for("login.show", next=page_after_sign_in()), 303)


def _render(name: str, form: Form, pending: Flow) -> str:
    return render_template(
        f"login/{name}.html",
        form=form,
        flow=pending,
        methods=service.methods(pending.subject),
        next=page_after_sign_in(),
        remembered_for=current_settings().accounts.remember_device_lifetime,
    )
