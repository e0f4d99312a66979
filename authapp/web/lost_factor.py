"""The waiting time for owners who lost every second factor, and the ways to stop it."""

from datetime import datetime

from flask import Blueprint, Flask, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from authapp.config import current_settings
from authapp.domain.factors import lost_factors
from authapp.errors import (
    Conflict,
    EnrollmentRequired,
    InputRefused,
    NotAllowed,
    NotFound,
    TokenExpired,
    TokenRefused,
    TokenRevoked,
    TokenUsed,
    TooManyAttempts,
)
from authapp.http.client import client
from authapp.services import login_code as login_code_service
from authapp.services import lost_factor as service
from authapp.web import explanations, flows, login, login_code, messages
from authapp.web.browser import sign_in_device, visitor
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import Form, email_field, for_now, show_refusal
from authapp.web.navigation import requested_page

blueprint = Blueprint("lost_factor", __name__)


def init_app(app: Flask) -> None:
    """Add to templates what the pages of the sign-in and of the account show."""
    app.jinja_env.globals.update(offers_waiting=service.is_offered, lost_factor_ends_at=ends_at)


class StopForm(Form):
    """The address that received the email: a mail scanner presses buttons, but cannot type it."""

    email = email_field("go", label=_l("Email address that received our email"))


@blueprint.get("/login/lost-factor")
def show() -> ResponseReturnValue:
    """Show the waiting time to a visitor who entered the right password."""
    pending = flows.opened(flows.SECOND_FACTOR)
    if pending is None:
        return login_code.begin_again()
    try:
        return _render(pending)
    except TokenRefused:
        return login_code.begin_again()


@blueprint.post("/login/lost-factor")
def start() -> ResponseReturnValue:
    """Start the waiting time."""
    pending = flows.opened(flows.SECOND_FACTOR)
    if pending is None:
        return login_code.begin_again()
    try:
        service.start(pending.subject, client=client())
    except TooManyAttempts as refusal:
        return _render(pending, refusal=refusal), *for_now(refusal)
    except (TokenRefused, NotAllowed, NotFound):
        return login_code.begin_again()
    return _back_to(pending)


@blueprint.post("/login/lost-factor/finish")
def finish() -> ResponseReturnValue:
    """Sign in without a second factor once the waiting time is over."""
    pending = flows.opened(flows.SECOND_FACTOR)
    if pending is None:
        return login_code.begin_again()
    try:
        signed_in = service.finish(pending.subject, device=sign_in_device())
    except EnrollmentRequired as required:
        return login.ask_for_factor(required)
    except (Conflict, NotFound):
        # It is not over yet, or someone stopped it: the page says which.
        return _back_to(pending)
    except (TokenRefused, NotAllowed):
        return login_code.begin_again()
    return login.finish(
        signed_in, _("Two-step sign-in is off. Set it up again to protect your account.")
    )


@blueprint.post("/account/lost-factor/stop")
def stop() -> ResponseReturnValue:
    """Stop the waiting time from a signed-in device; no password is needed."""
    try:
        service.stop(g.identity.user_id, client=client())
    except NotFound:
        flash(_("Someone has already stopped it, or it has expired."))
        return redirect(url_for("account.show"), 303)
    flash(
        _(
            "Stopped. Your account keeps asking for a code. If you did not start this, someone "
            "knows your password: change it now."
        )
    )
    return redirect(url_for("change_password.show"), 303)


@blueprint.get("/lost-factor/stop/<value>")
def confirm_stop(value: str) -> ResponseReturnValue:
    """Explain what the link does; opening it changes nothing."""
    try:
        link = service.check_link(value)
    except TokenRefused as refusal:
        return _refused(refusal)
    is_own = visitor().user_id == link.user_id
    return render_template("lost_factor/stop.html", form=StopForm(), is_own=is_own)


@blueprint.post("/lost-factor/stop/<value>")
def stop_by_link(value: str) -> ResponseReturnValue:
    """Stop the waiting time; after that, its other links do nothing."""
    form = StopForm()
    try:
        link = service.check_link(value)
        is_own = visitor().user_id == link.user_id
        if is_own or form.validate():
            service.stop_by_link(link, visitor(), form.email.data or "", client=client())
            return render_template("lost_factor/stopped.html")
    except TokenRefused as refusal:
        return _refused(refusal)
    except InputRefused as refusal:
        show_refusal(form, refusal)
    return render_template("lost_factor/stop.html", form=form, is_own=is_own), 422


def ends_at() -> datetime | None:
    """Return when the signed-in user's waiting time is over; None if there is none."""
    return lost_factors.ends_at(g.identity.user_id)


def _render(pending: Flow, *, refusal: TooManyAttempts | None = None) -> str:
    return render_template(
        "lost_factor/show.html",
        progress=service.progress(pending.subject),
        retry=messages.for_wait(refusal.retry_after) if refusal else "",
        wait=current_settings().accounts.lost_factor_wait,
        window=lost_factors.WINDOW,
        methods=login_code_service.methods(pending.subject),
        flow=pending,
        next=requested_page(),
    )


def _back_to(pending: Flow) -> ResponseReturnValue:
    return redirect(url_for("lost_factor.show", flow=pending.id, next=requested_page()), 303)


def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    was_valid = isinstance(refusal, (TokenUsed, TokenRevoked, TokenExpired))
    text = explanations.NOTHING_TO_STOP if was_valid else explanations.for_link(refusal)
    return render_template("lost_factor/refused.html", text=text), 410
