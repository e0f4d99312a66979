"""The page that replaces an authenticator app, such as that of an old phone."""

from typing import Final

from flask import Blueprint, flash, g, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.errors import Conflict, InputRefused, NotFound
from authapp.http.client import client
from authapp.services import replace_app as service
from authapp.web import flows
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, show_refusal
from authapp.web.second_factors import render_enrollment

blueprint = Blueprint("replace_app", __name__, url_prefix="/account/second-factors/replace")

_BEGUN: Final = "replace_app"


@blueprint.post("")
def begin() -> ResponseReturnValue:
    """Generate the secret of the new app."""
    try:
        flow = flows.start(_BEGUN, service.begin(g.identity.user_id))
    except NotFound:
        return _to_overview()
    return redirect(url_for("replace_app.enroll", flow=flow), 303)


@blueprint.get("/app")
def enroll() -> ResponseReturnValue:
    """Show the secret as a QR code and as text, and ask for a first code of the new app."""
    return _render(CodeForm(), flows.opened(_BEGUN))


@blueprint.post("/app")
def confirm() -> ResponseReturnValue:
    """Replace the app."""
    form, begun = CodeForm(), flows.opened(_BEGUN)
    if begun is None or not form.validate():
        return _render(form, begun, 422)
    try:
        service.confirm(g.identity.user_id, begun.subject, form.code.data, client=client())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render(form, begun, 422)
    except (Conflict, NotFound):
        return _to_overview()
    flash(_("Authenticator app replaced. The old one no longer works."))
    return _to_overview()


def _render(form: CodeForm, begun: Flow | None, status: int = 200) -> ResponseReturnValue:
    if begun is None:
        return _to_overview()
    try:
        enrollment = service.get_enrollment(g.identity.user_id, begun.subject)
    except (Conflict, NotFound):
        return _to_overview()
    here = url_for("replace_app.confirm", flow=begun.id)
    overview = url_for("second_factors.show")
    page = render_enrollment(
        form, enrollment, action=here, cancel=overview, flow=begun, replaces=True
    )
    return page, status


def _to_overview() -> ResponseReturnValue:
    return redirect(url_for("second_factors.show"), 303)
