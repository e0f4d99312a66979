"""Deleting the signed-in user's account, and canceling the deletion."""

from datetime import datetime
from typing import Final

from flask import Blueprint, flash, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.errors import CredentialsRefused, SecondFactorRequired, TokenRefused
from authapp.http.client import client
from authapp.services import account
from authapp.services import delete_account as service
from authapp.web import authn, flows, login
from authapp.web.flows import Flow
from authapp.web.forms import Form, password_field

blueprint = Blueprint("delete_account", __name__, url_prefix="/account/delete")

_CLOSED: Final = "account_closed"


class DeleteAccountForm(Form):
    """The password that confirms the deletion."""

    password = password_field("current-password")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Explain what the deletion does, and show the form."""
    return _render(DeleteAccountForm())


@blueprint.post("")
def close() -> ResponseReturnValue:
    """Close the account; it is deleted when the grace period ends."""
    form = DeleteAccountForm()
    if not form.validate():
        return _render(form), 422
    try:
        delete_at = service.close(g.identity, form.password.data, client=client())
    except CredentialsRefused:
        form.password.errors = [_("Incorrect password.")]
        return _render(form), 422
    authn.clear_session_cookies()
    session.clear()
    flow = flows.start(_CLOSED, delete_at.isoformat())
    return redirect(url_for("delete_account.done", flow=flow), 303)


@blueprint.get("/done")
def done() -> ResponseReturnValue:
    """Confirm that the account is closed, and show until when it can be kept."""
    closed = flows.opened(_CLOSED)
    return render_template(
        "delete_account/done.html",
        delete_at=datetime.fromisoformat(closed.subject) if closed else None,
        grace=current_settings().accounts.deletion_grace,
    )


@blueprint.get("/keep")
def offer() -> ResponseReturnValue:
    """Offer to keep the account to a user who has just entered its password."""
    offered = _offered()
    try:
        delete_at = service.check_offer(flows.subject_of(offered))
    except TokenRefused:
        return redirect(url_for("login.show"))
    return render_template("delete_account/keep.html", delete_at=delete_at, flow=offered)


@blueprint.post("/keep")
def keep() -> ResponseReturnValue:
    """Keep the account, and sign in."""
    offered = _offered()
    try:
        signed_in = service.keep(flows.subject_of(offered), client=client())
    except SecondFactorRequired as required:
        flash(_("Your account will not be deleted."))
        if offered is not None and offered.kind == flows.KEEP_ACCOUNT_BY_PASSKEY:
            # No password was entered, and the session must not say that one was.
            return redirect(url_for("login.show"), 303)
        return login.ask_for_factor(required)
    except TokenRefused:
        # The sign-in page shows the result: kept in another tab, or already deleted.
        return redirect(url_for("login.show"), 303)
    session.clear()
    authn.set_session_cookies(signed_in)
    flash(_("Your account will not be deleted."))
    return redirect(url_for("account.show"), 303)


def _offered() -> Flow | None:
    return flows.opened(flows.KEEP_ACCOUNT) or flows.opened(flows.KEEP_ACCOUNT_BY_PASSKEY)


def _render(form: DeleteAccountForm) -> str:
    return render_template(
        "delete_account/show.html",
        form=form,
        account=account.get_account(g.identity.user_id),
        grace=current_settings().accounts.deletion_grace,
    )
