"""Asking for the password again before sensitive pages."""

from flask import Blueprint, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import CredentialsRefused
from authapp.http.client import client
from authapp.services import account
from authapp.services import confirm_password as service
from authapp.web import authn
from authapp.web.forms import Form, password_field
from authapp.web.navigation import next_page

blueprint = Blueprint("confirm_password", __name__, url_prefix="/account/confirm")


class ConfirmPasswordForm(Form):
    """The signed-in user's password."""

    password = password_field("current-password")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form."""
    if service.is_fresh(g.identity):
        return redirect(_next())
    return _render(ConfirmPasswordForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Check the password, and continue to the requested page."""
    form = ConfirmPasswordForm()
    if not form.validate():
        return _render(form), 422
    try:
        confirmed = service.confirm_password(g.identity, form.password.data, client=client())
    except CredentialsRefused:
        form.password.errors = [_("Incorrect password.")]
        return _render(form), 422
    authn.set_session_cookies(confirmed)
    return redirect(_next(), 303)


def _render(form: ConfirmPasswordForm) -> str:
    return render_template(
        "confirm_password/show.html", form=form, account=account.get_account(g.identity.user_id)
    )


def _next() -> str:
    return next_page(url_for("account.show"))
