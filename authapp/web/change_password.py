"""Changing the signed-in user's password."""

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import BooleanField

from authapp.config import current_settings
from authapp.errors import CredentialsRefused, InputRefused
from authapp.http.client import client
from authapp.services import account, api_tokens
from authapp.services import change_password as service
from authapp.web import authn
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form, password_field, revoke_tokens_field, show_refusal

blueprint = Blueprint("change_password", __name__, url_prefix="/password/change")


class ChangePasswordForm(Form):
    """The current password, a new one, and what else should lose access."""

    current_password = password_field("current-password", "next", _l("Current password"))
    new_password = password_field("new-password", label=_l("New password"))
    end_others = BooleanField(_l("Sign out all other devices"), default=True)
    revoke_tokens = revoke_tokens_field()


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form."""
    return _render(ChangePasswordForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Change the password, and continue in a new session."""
    form = ChangePasswordForm()
    if not form.validate():
        return _render(form), 422
    try:
        signed_in = service.change_password(
            g.identity,
            form.current_password.data,
            form.new_password.data,
            end_others=form.end_others.data,
            revoke_tokens=form.revoke_tokens.data,
            client=client(),
        )
    except CredentialsRefused:
        form.current_password.errors = [_("Current password is incorrect.")]
        return _render(form), 422
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form), 422
    # Anyone who read the old CSRF secret must not know the next one.
    session.clear()
    authn.set_session_cookies(signed_in)
    flash(_("Your password has been changed."))
    return redirect(url_for("account.show"), 303)


def _render(form: ChangePasswordForm) -> str:
    return render_template(
        "change_password/show.html",
        form=form,
        account=account.get_account(g.identity.user_id),
        least=current_settings().accounts.password_min_length,
        tokens=api_tokens.list_tokens(g.identity.user_id),
    )
