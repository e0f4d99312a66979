"""The pages that list, create, rename, rotate and revoke a user's API tokens."""

from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp import clock
from authapp.config import current_settings
from authapp.errors import Conflict, InputRefused, LimitReached
from authapp.http.client import client
from authapp.services import api_tokens as service
from authapp.services.api_tokens import NewToken
from authapp.web import messages
from authapp.web.api_token_forms import NewTokenForm, RenameForm, RotateForm
from authapp.web.forms import Form, show_refusal

blueprint = Blueprint("api_tokens", __name__, url_prefix="/account/tokens")


@blueprint.context_processor
def _prefix_and_scopes() -> dict[str, object]:
    return {"prefix": current_settings().tokens.api_token_prefix, "scopes": messages.SCOPES}


@blueprint.get("")
def show() -> ResponseReturnValue:
    """List the active tokens."""
    return render_template(
        "api_tokens/show.html",
        tokens=service.list_tokens(g.identity.user_id),
        most=service.MOST,
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """Show the form."""
    return _render_new(_new_form())


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Create a token and show its value once; a form sent twice creates only one token."""
    form = _new_form()
    if not form.validate():
        return _render_new(form), 422
    try:
        made = service.create(
            g.identity.user_id,
            name=form.name.data,
            scopes=form.scopes.data,
            expires_at=form.read_expiry(),
            client=client(),
            key=form.key.data,
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_new(form), 422
    except LimitReached as limit:
        flash(
            _("You have %(most)s tokens, which is the maximum. Revoke one first.", most=limit.most)
        )
        return _to_list()
    except Conflict:
        flash(
            _(
                "This token was already created. If you didn't copy it, revoke it and "
                "create another."
            )
        )
        return _to_list()
    return _render_made(made)


@blueprint.get("/<uuid:id>/name")
def name(id: UUID) -> ResponseReturnValue:
    """Show the form for a new name."""
    return _render_one("rename", id, RenameForm())


@blueprint.post("/<uuid:id>/name")
def rename(id: UUID) -> ResponseReturnValue:
    """Rename the token."""
    form = RenameForm()
    if not form.validate():
        return _render_one("rename", id, form), 422
    try:
        service.rename(g.identity.user_id, id, form.name.data)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_one("rename", id, form), 422
    flash(_("Token renamed."))
    return _to_list()


@blueprint.get("/<uuid:id>/rotate")
def choose_overlap(id: UUID) -> ResponseReturnValue:
    """Ask how long the old token should keep working."""
    return _render_one("rotate", id, RotateForm())


@blueprint.post("/<uuid:id>/rotate")
def rotate(id: UUID) -> ResponseReturnValue:
    """Replace the token, and show the value of the new one once."""
    form = RotateForm()
    if not form.validate():
        return _render_one("rotate", id, form), 422
    try:
        made = service.rotate(g.identity.user_id, id, overlap=form.read_overlap(), client=client())
    except Conflict:
        flash(_("This token was already replaced. If you didn't copy the new token, rotate it."))
        return _to_list()
    return _render_made(made)


@blueprint.get("/<uuid:id>/revoke")
def ask(id: UUID) -> ResponseReturnValue:
    """Ask the user to confirm that the token should stop working."""
    return _render_one("revoke", id, Form())


@blueprint.post("/<uuid:id>/revoke")
def revoke(id: UUID) -> ResponseReturnValue:
    """Revoke the token, effective from its next use."""
    service.revoke(g.identity.user_id, id, client=client())
    flash(_("Token revoked. It no longer works."))
    return _to_list()


def _new_form() -> NewTokenForm:
    """Return a form with the permissions that the user can give to a token."""
    form = NewTokenForm()
    form.offer(service.list_grantable(g.identity.user_id))
    return form


def _render_new(form: NewTokenForm) -> str:
    return render_template("api_tokens/new.html", form=form, today=clock.now().date())


def _render_made(made: NewToken) -> str:
    token = service.get_token(g.identity.user_id, made.id)
    return render_template("api_tokens/made.html", value=made.value, token=token)


def _render_one(page: str, id: UUID, form: Form) -> str:
    token = service.get_token(g.identity.user_id, id)
    if page == "rename" and form.name.data is None:
        form.name.data = token.name
    return render_template(f"api_tokens/{page}.html", form=form, token=token)


def _to_list() -> ResponseReturnValue:
    return redirect(url_for("api_tokens.show"), 303)
