"""Asking for the password once more, before pages that guard the account."""

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import CredentialsRefused
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import confirm_password as service
from authapp.web import authn
from authapp.web.forms import Form, password_field
from authapp.web.navigation import local_path

confirm_password = Blueprint("confirm_password", __name__, url_prefix="/account/confirm")


class ConfirmPasswordForm(Form):
    """The password of whoever is signed in."""

    password = password_field("current-password")


@confirm_password.get("")
def show() -> ResponseReturnValue:
    """Show the form."""
    if service.is_fresh(g.identity):
        return redirect(_next())
    return _render(ConfirmPasswordForm())


@confirm_password.post("")
def submit() -> ResponseReturnValue:
    """Check the password, and go where the visitor was going."""
    form = ConfirmPasswordForm()
    if not form.validate():
        return _render(form), 422
    try:
        confirmed = service.confirm_password(g.identity, form.password.data, origin=origin())
    except CredentialsRefused:
        form.password.errors = [_("This is not your password.")]
        return _render(form), 422
    authn.keep(confirmed)
    return redirect(_next(), 303)


def _render(form: ConfirmPasswordForm) -> str:
    return render_template(
        "confirm_password/show.html", form=form, account=account.get_account(g.identity.user_id)
    )


def _next() -> str:
    return local_path(request.args.get("next"), url_for("account.show"))
