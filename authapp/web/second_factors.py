"""The pages that set up, renew and remove the second factor of sign-in."""

from urllib.parse import quote

import segno
from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup

from authapp.config import current_settings
from authapp.domain.factors import remembered_devices, second_factors
from authapp.errors import Conflict, InputRefused, NotFound
from authapp.http.client import client
from authapp.services import second_factors as service
from authapp.services.second_factors import Enrollment
from authapp.web.flows import Flow
from authapp.web.forms import CodeForm, Form, show_refusal

blueprint = Blueprint("second_factors", __name__, url_prefix="/account/second-factors")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show whether two-step sign-in is on."""
    if not is_shown():
        raise NotFound("SECOND_FACTOR is off")
    return render_template(
        "second_factors/show.html",
        is_offered=second_factors.is_offered(),
        is_required=second_factors.is_required(g.identity.roles),
        factors=service.overview(g.identity.user_id),
        devices=remembered_devices.list_of(g.identity.user_id),
        remembered_for=current_settings().accounts.remember_device_lifetime,
    )


@blueprint.post("")
def begin() -> ResponseReturnValue:
    """Generate the secret of a new authenticator app."""
    try:
        service.begin(g.identity.user_id)
    except Conflict:
        return _to_overview()
    return redirect(url_for("second_factors.enroll"), 303)


@blueprint.get("/app")
def enroll() -> ResponseReturnValue:
    """Show the secret as a QR code and as text, and ask for a first code."""
    return _render_enrollment(CodeForm())


@blueprint.post("/app")
def confirm() -> ResponseReturnValue:
    """Add the app, and show the recovery codes once if it is the first second factor."""
    form = CodeForm()
    if not form.validate():
        return _render_enrollment(form, 422)
    try:
        codes = service.confirm(g.identity.user_id, form.code.data, client=client())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_enrollment(form, 422)
    except (Conflict, NotFound):
        return _to_overview()
    if codes:
        return _render_codes(codes)
    flash(_("Authenticator app added."))
    return _to_overview()


@blueprint.get("/recovery-codes")
def ask_to_renew() -> ResponseReturnValue:
    """Ask the user to confirm that the current recovery codes should stop working."""
    return render_template("second_factors/renew.html", form=Form())


@blueprint.post("/recovery-codes")
def renew_codes() -> ResponseReturnValue:
    """Replace the recovery codes, and show the new ones once."""
    try:
        return _render_codes(service.renew_codes(g.identity.user_id, client=client()))
    except NotFound:
        return _to_overview()


@blueprint.get("/remove")
def ask_to_remove() -> ResponseReturnValue:
    """Ask the user to confirm that the app should no longer be asked for."""
    still_on = bool(service.overview(g.identity.user_id).usable_passkeys)
    if second_factors.is_required(g.identity.roles) and not still_on:
        return _to_overview()
    return render_template("second_factors/remove.html", form=Form(), still_on=still_on)


@blueprint.post("/remove")
def remove() -> ResponseReturnValue:
    """Remove the app, which turns two-step sign-in off if there is no passkey."""
    try:
        still_on = service.remove_app(g.identity.user_id, client=client())
    except NotFound:
        return _to_overview()
    flash(_("Authenticator app removed.") if still_on else _("Two-step sign-in is off."))
    return _to_overview()


def is_shown() -> bool:
    """Return whether the signed-in user has a second factor, or may set one up."""
    return second_factors.is_offered() or second_factors.is_enrolled(g.identity.user_id)


def render_enrollment(
    form: CodeForm,
    enrollment: Enrollment,
    *,
    action: str,
    cancel: str,
    flow: Flow | None = None,
    is_on: bool = False,
    replaces: bool = False,
) -> str:
    """Return the page that shows a secret, and asks for a first code.

    `is_on` is True if the account has another second factor, `replaces` if the app replaces one.
    """
    return render_template(
        "second_factors/enroll.html",
        form=form,
        enrollment=enrollment,
        qr_code=_qr_code(enrollment.uri),
        action=action,
        cancel=cancel,
        flow=flow,
        is_on=is_on,
        replaces=replaces,
    )


def render_codes(codes: list[str], *, then: str) -> str:
    """Return the page that shows recovery codes once, and leads to the URL `then`."""
    text = "\r\n".join(codes)
    # A link to data needs no second request, which would have to store the codes.
    file = f"data:text/plain;charset=utf-8,{quote(text)}"
    return render_template("second_factors/codes.html", codes=codes, file=file, then=then)


def _render_enrollment(form: CodeForm, status: int = 200) -> ResponseReturnValue:
    try:
        enrollment = service.get_enrollment(g.identity.user_id)
    except (Conflict, NotFound):
        return _to_overview()
    here, overview = url_for("second_factors.confirm"), url_for("second_factors.show")
    is_on = second_factors.is_enrolled(g.identity.user_id)
    page = render_enrollment(form, enrollment, action=here, cancel=overview, is_on=is_on)
    return page, status


def _render_codes(codes: list[str]) -> str:
    return render_codes(codes, then=url_for("second_factors.show"))


def _qr_code(uri: str) -> Markup:
    """Return a QR code as an SVG element; black on white, because scanners expect it."""
    code = segno.make(uri, error="m", micro=False)
    svg = code.svg_inline(light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    return Markup(svg)  # noqa: S704 - it contains paths and no text


def _to_overview() -> ResponseReturnValue:
    return redirect(url_for("second_factors.show"), 303)
