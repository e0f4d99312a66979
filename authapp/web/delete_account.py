"""Deleting one's account, and keeping it after all."""

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from authapp.config import current_settings
from authapp.errors import CredentialsRefused, TokenRefused
from authapp.http.origin import origin
from authapp.services import account
from authapp.services import delete_account as service
from authapp.web import authn
from authapp.web.account import SECTIONS, Section
from authapp.web.forms import Form, password_field

delete_account = Blueprint("delete_account", __name__, url_prefix="/account/delete")

SECTIONS.append(
    Section(
        "delete_account.show",
        _l("Delete the account"),
        _l("Everything that we keep about you goes with it."),
        is_leaving=True,
    )
)


class DeleteAccountForm(Form):
    """The password of whoever wants to go."""

    password = password_field("current-password")


@delete_account.get("")
def show() -> ResponseReturnValue:
    """Say what would happen."""
    return _render(DeleteAccountForm())


@delete_account.post("")
def close() -> ResponseReturnValue:
    """Close the account, to be deleted once the grace is over."""
    form = DeleteAccountForm()
    if not form.validate():
        return _render(form), 422
    try:
        delete_at = service.close(g.identity, form.password.data, origin=origin())
    except CredentialsRefused:
        form.password.errors = [_("This is not your password.")]
        return _render(form), 422
    authn.forget()
    session.clear()
    session["delete_at"] = delete_at
    return redirect(url_for("delete_account.done"), 303)


@delete_account.get("/done")
def done() -> ResponseReturnValue:
    """Say that the account is closed, and until when it can be kept."""
    return render_template(
        "delete_account/done.html",
        delete_at=session.get("delete_at"),
        grace=current_settings().account_deletion_grace,
    )


@delete_account.get("/keep")
def offer() -> ResponseReturnValue:
    """Offer whoever has just entered the password to keep the account."""
    try:
        delete_at = service.check_offer(session.get("keep_account", ""))
    except TokenRefused:
        return redirect(url_for("login.show"))
    return render_template("delete_account/keep.html", delete_at=delete_at)


@delete_account.post("/keep")
def keep() -> ResponseReturnValue:
    """Keep the account, and sign in."""
    try:
        signed_in = service.keep(session.get("keep_account", ""), origin=origin())
    except TokenRefused:
        # Signing in says how things stand: kept already, in another tab, or gone.
        return redirect(url_for("login.show"), 303)
    session.clear()
    authn.keep(signed_in)
    flash(_("Your account stays."))
    return redirect(url_for("account.show"), 303)


def _render(form: DeleteAccountForm) -> str:
    return render_template(
        "delete_account/show.html",
        form=form,
        account=account.get_account(g.identity.user_id),
        grace=current_settings().account_deletion_grace,
    )
