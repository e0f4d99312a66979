"""The pages that list, create, rename, rotate and revoke a user's API tokens."""

import secrets
from datetime import UTC, datetime, time, timedelta
from typing import Final
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import (
    DateField,
    HiddenField,
    RadioField,
    SelectChoice,
    SelectMultipleField,
    StringField,
)
from wtforms.validators import InputRequired, Optional
from wtforms.widgets import CheckboxInput

from authapp import clock
from authapp.config import current_settings
from authapp.domain.api_token_rules import NAME_CHARACTERS
from authapp.errors import Conflict, InputRefused, LimitReached
from authapp.http.client import client
from authapp.models import Scope
from authapp.services import api_tokens as service
from authapp.services.api_tokens import NewToken
from authapp.web import messages
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form, show_refusal

blueprint = Blueprint("api_tokens", __name__, url_prefix="/account/tokens")

_ON_A_DATE: Final = "date"
_NEVER: Final = "never"
_LIVES: Final = {"30": timedelta(days=30), "90": timedelta(days=90), "365": timedelta(days=365)}
_OVERLAPS: Final = {
    "0": timedelta(),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}


def _name_field(enter: str) -> StringField:
    return StringField(
        _l("Name"),
        validators=[InputRequired(_l("Enter a name that says what the token is for."))],
        render_kw={"maxlength": NAME_CHARACTERS, "autocomplete": "off", "enterkeyhint": enter},
    )


class NewTokenForm(Form):
    """A token's name, permissions and expiration; `key` identifies a form that is sent twice."""

    key = HiddenField(default=lambda: secrets.token_urlsafe(16))
    name = _name_field("next")
    scopes = SelectMultipleField(
        _l("Permissions"),
        validators=[InputRequired(_l("Choose at least one permission."))],
        choices=[],
        # The service validates the scopes.
        validate_choice=False,
        option_widget=CheckboxInput(),
    )
    expiry = RadioField(
        _l("Expiration"),
        choices=[
            SelectChoice("30", _l("In 30 days")),
            SelectChoice("90", _l("In 90 days")),
            SelectChoice("365", _l("In 1 year")),
            SelectChoice(_ON_A_DATE, _l("On a date you choose")),
            SelectChoice(_NEVER, _l("Never")),
        ],
        default="90",
    )
    expires_at = DateField(
        _l("Expiration date"),
        validators=[Optional()],
        invalid_value_message=_l("Enter a date in the format 2027-01-31."),
        render_kw={"autocomplete": "off", "enterkeyhint": "go"},
    )

    def offer(self, scopes: list[Scope]) -> None:
        self.scopes.choices = [SelectChoice(scope, messages.SCOPES[scope]) for scope in scopes]

    def read_expiry(self) -> datetime | None:
        """Return when the token expires; raises InputRefused if a date is needed but missing."""
        if self.expiry.data == _NEVER:
            return None
        if self.expiry.data != _ON_A_DATE:
            return clock.now() + _LIVES[self.expiry.data]
        if self.expires_at.data is None:
            raise InputRefused("expires_at", "missing")
        return datetime.combine(self.expires_at.data, time.max, UTC)


class RenameForm(Form):
    """A token's new name."""

    name = _name_field("go")


class RotateForm(Form):
    """How long the old token keeps working."""

    overlap = RadioField(
        _l("When should the old token stop working?"),
        choices=[
            SelectChoice("0", _l("Immediately")),
            SelectChoice("1h", _l("In 1 hour")),
            SelectChoice("1d", _l("In 1 day")),
            SelectChoice("7d", _l("In 1 week")),
        ],
        default="1d",
    )


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
    overlap = _OVERLAPS[form.overlap.data]
    try:
        made = service.rotate(g.identity.user_id, id, overlap=overlap, client=client())
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
