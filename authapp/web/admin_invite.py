"""The operators' page that invites a person: `flask users invite`, without roles."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from wtforms import SelectField

from authapp import language
from authapp.domain import audit
from authapp.errors import Conflict, InputRefused, NotAllowed
from authapp.services import audit as audit_log
from authapp.services import invitations
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.forms import Form, email_field, show_refusal

blueprint = Blueprint("admin_invite", __name__, url_prefix="/admin/users/invite")


class InviteForm(Form):
    """A person's address, and the language of the email and of their account."""

    # Browsers would fill in the administrator's own address.
    email = email_field(enter="send", autocomplete="off")
    language = SelectField(_l("Language of the email"))

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        offered = {language.tag_of(each): each for each in language.offered()}
        self.language.choices = [(tag, str(each.display_name)) for tag, each in offered.items()]
        self.language.data = self.language.data or language.tag_of(language.default())


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form."""
    if not invitations.are_possible():
        raise NotAllowed("REGISTRATION is closed")
    return _render(InviteForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Create the account and email its owner, as this administrator's act."""
    form = InviteForm()
    if not form.validate():
        return _render(form), 422
    try:
        id = _invite(form.email.data, form.language.data)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form), 422
    except Conflict:
        form.email.errors = [_("This address already has an account.")]
        return _render(form), 422
    flash(_("The invitation will be emailed within a few seconds."))
    return redirect(url_for("admin.show_user", id=id), 303)


def _invite(email: str, tag: str) -> UUID:
    """Invite a person; like a command, this is recorded even if it fails."""
    actor = audit.administrator(g.identity.user_id)
    with audit.acting_as(actor), audit_log.recorded_command("admin invite", None):
        return invitations.invite(email, language=tag)


def _render(form: InviteForm) -> str:
    return render_template("admin/invite.html", form=form)
