"""Verifying an email address."""

from uuid import UUID

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.domain.sessions import SignedIn
from authapp.errors import (
    Conflict,
    EnrollmentRequired,
    InputRefused,
    NotAllowed,
    NotFound,
    TokenRefused,
    TokenUsed,
    TooManyAttempts,
)
from authapp.http.client import client
from authapp.services import verify_email as service
from authapp.services.open_link import open_link
from authapp.web import explanations, flows, login, messages
from authapp.web.browser import browser_secret, sign_in_device, visitor
from authapp.web.flows import Flow, PageOutOfDate
from authapp.web.forms import CodeForm, refuse_codes, show_refusal

blueprint = Blueprint("verify_email", __name__, url_prefix="/verify/email")


def start_flow(user_id: UUID, email: str) -> str:
    """Start the flow of a registration in this browser, and return its id."""
    return flows.start(flows.REGISTERED, f"{user_id} {email}")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show a form for the code of this browser's registration."""
    if g.identity:
        return redirect(url_for("account.show"))
    flow = flows.opened(flows.REGISTERED)
    if flow and service.is_confirmed_elsewhere(_user_id(flow)):
        return render_template("verify_email/continue.html", flow=flow)
    return _render_sent(CodeForm(), flow)


@blueprint.post("")
def send_again() -> ResponseReturnValue:
    """Send another email for this browser's registration."""
    flow = _require_flow()
    try:
        service.send_again(_user_id(flow), browser=browser_secret(), client=client())
    except NotFound:
        raise PageOutOfDate(url_for("register.show")) from None
    except TooManyAttempts as refusal:
        flash(_("We've just sent you an email.") + " " + messages.for_wait(refusal.retry_after))
    else:
        flash(_("Email sent."))
    return redirect(url_for("verify_email.show", flow=flow.id), 303)


@blueprint.get("/code")
@blueprint.get("/continue", endpoint="enter_after_continuing")
def enter() -> ResponseReturnValue:
    """Redirect to the page with the form whose address this is."""
    return redirect(url_for("verify_email.show"))


@blueprint.post("/code")
def claim_by_code() -> ResponseReturnValue:
    """Verify the address by the code, in the browser that registered."""
    form, flow = CodeForm(), _require_flow()
    if service.is_confirmed_elsewhere(_user_id(flow)):
        return redirect(url_for("verify_email.show", flow=flow.id), 303)
    if not form.validate():
        return _render_sent(form, flow), 422
    try:
        signed_in = service.claim_by_code(
            _user_id(flow), visitor(), form.code.data, device=sign_in_device()
        )
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_sent(form, flow), 422
    except TooManyAttempts as refusal:
        limited = refuse_codes(form.code, refusal, messages.LINK_HERE)
        return _render_sent(form, flow), *limited
    return _done(signed_in)


@blueprint.post("/continue")
def sign_in() -> ResponseReturnValue:
    """Sign in, in the browser that registered, after another one confirmed the address."""
    flow = _require_flow()
    try:
        signed_in = service.sign_in_here(_user_id(flow), device=sign_in_device())
    except EnrollmentRequired as required:
        return _enroll(required)
    except (NotAllowed, NotFound):
        return redirect(url_for("login.show"), 303)
    return _done(signed_in)


@blueprint.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or in another browser the code form; neither changes the account."""
    if open_link(value, service.TYPE, visitor(), client=client()):
        return render_template("verify_email/confirm.html")
    return _render_elsewhere(CodeForm())


@blueprint.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Verify the address; each link works once."""
    form = CodeForm()
    try:
        signed_in = service.claim(value, visitor(), form.code.data or "", device=sign_in_device())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_elsewhere(form), 422
    except TooManyAttempts as refusal:
        limited = refuse_codes(form.code, refusal, messages.LINK_WHERE_REGISTERED)
        return _render_elsewhere(form), *limited
    return _done(signed_in)


def _done(signed_in: SignedIn | None) -> ResponseReturnValue:
    """Continue signed in, or ask other browsers to sign in."""
    if signed_in is None:
        return render_template("verify_email/done.html")
    return login.finish(signed_in, _("Your email address is confirmed."))


@blueprint.errorhandler(EnrollmentRequired)
def _enroll(required: EnrollmentRequired) -> ResponseReturnValue:
    flash(_("Your email address is confirmed."))
    return login.ask_for_factor(required)


def _require_flow() -> Flow:
    return flows.require_named(flows.opened(flows.REGISTERED), again=url_for("verify_email.show"))


def _user_id(flow: Flow) -> UUID:
    return UUID(flow.subject.partition(" ")[0])


def _render_sent(form: CodeForm, flow: Flow | None) -> str:
    email = flow.subject.partition(" ")[2] if flow else None
    return render_template("verify_email/sent.html", form=form, email=email, flow=flow)


def _render_elsewhere(form: CodeForm) -> str:
    return render_template("verify_email/elsewhere.html", form=form)


@blueprint.errorhandler(TokenRefused)
@blueprint.errorhandler(Conflict)
def _refused(refusal: TokenRefused | Conflict) -> ResponseReturnValue:
    if isinstance(refusal, Conflict):
        text, status = explanations.ADDRESS_CONFIRMED_BEFORE, 409
    else:
        text, status = explanations.for_link(refusal), 410
    page = render_template(
        "verify_email/refused.html", text=text, was_used=isinstance(refusal, TokenUsed | Conflict)
    )
    return page, status
