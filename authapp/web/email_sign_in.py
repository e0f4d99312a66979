"""Signing in with an emailed code."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import BooleanField

from authapp.domain.sessions import SignedIn
from authapp.errors import (
    InputRefused,
    NotAllowed,
    SecondFactorRequired,
    TokenRefused,
    TooManyAttempts,
)
from authapp.http.client import client
from authapp.services import email_sign_in as service
from authapp.services.open_link import open_link
from authapp.web import explanations, flows, login, messages
from authapp.web.browser import browser_secret, sign_in_device, visitor
from authapp.web.catalogue import lazy_gettext as _l
from authapp.web.flows import Flow
from authapp.web.forms import (
    CodeForm,
    Form,
    email_field,
    refuse_codes,
    refused_for_now,
    show_refusal,
)
from authapp.web.navigation import requested_page

blueprint = Blueprint("email_sign_in", __name__, url_prefix="/login/email")


class AskForm(Form):
    """The fields of the sign-in page without the password: its button sends that page's form."""

    email = email_field("send")
    remember = BooleanField(_l("Keep me signed in"))


class ElsewhereForm(CodeForm):
    """The code, and whether to stay signed in: that was chosen in another browser."""

    remember = BooleanField(_l("Keep me signed in"))


def init_app(app: Flask) -> None:
    """Allow the sign-in page to show the button."""
    app.jinja_env.globals["offers_email_sign_in"] = service.is_offered


@blueprint.before_request
def require_offered() -> None:
    """Answer as if the pages did not exist, unless EMAIL_SIGN_IN is on."""
    service.require_offered()


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form that asks for a code."""
    if g.identity:
        return redirect(requested_page() or url_for("account.show"))
    return _render_ask(AskForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Ask for a code; the response is the same for every address."""
    form = AskForm()
    if not form.validate():
        return _render_ask(form), 422
    try:
        service.request(form.email.data, browser=browser_secret(), client=client())
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return _render_ask(form), 422
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, _render_ask)
    remember = "1" if form.remember.data else "0"
    flow = flows.start(flows.EMAIL_SIGN_IN, f"{remember} {form.email.data.strip()}")
    return redirect(url_for("email_sign_in.enter", flow=flow, next=requested_page()), 303)


@blueprint.get("/code")
def enter() -> ResponseReturnValue:
    """Show the form for the code."""
    flow = flows.opened(flows.EMAIL_SIGN_IN)
    if flow is None:
        return redirect(url_for("email_sign_in.show", next=requested_page()), 303)
    return _render_code(CodeForm(), flow)


@blueprint.post("/code")
def sign_in() -> ResponseReturnValue:
    """Sign in with the code, in the browser that asked for it."""
    form, flow = CodeForm(), _require_flow()
    if not form.validate():
        return _render_code(form, flow), 422
    remember, email = _parts(flow)
    return _try(
        lambda: service.sign_in_by_code(
            email, visitor(), form.code.data, remember=remember, device=sign_in_device()
        ),
        form,
        lambda: _render_code(form, flow),
    )


@blueprint.get("/<value>")
def confirm(value: str) -> ResponseReturnValue:
    """Show the button, or in another browser the code form; opening the link changes nothing."""
    if open_link(value, service.TYPE, visitor(), client=client()):
        flow = flows.opened(flows.EMAIL_SIGN_IN)
        return render_template("email_sign_in/confirm.html", flow=flow)
    return _render_elsewhere(ElsewhereForm())


@blueprint.post("/<value>")
def claim(value: str) -> ResponseReturnValue:
    """Sign in with the link; each one works once."""
    form, flow = ElsewhereForm(), flows.opened(flows.EMAIL_SIGN_IN)
    remember = _parts(flow)[0] if flow else form.remember.data
    return _try(
        lambda: service.sign_in_by_link(
            value, visitor(), form.code.data or "", remember=remember, device=sign_in_device()
        ),
        form,
        lambda: _render_elsewhere(form),
    )


def _try(act: Callable[[], SignedIn], form: Any, render: Callable[[], str]) -> ResponseReturnValue:
    """Sign in, or show why not, or ask for the second factor."""
    try:
        return login.finish(act())
    except SecondFactorRequired as required:
        return login.ask_for_factor(required)
    except TooManyAttempts as refusal:
        return render(), *refuse_codes(form.code, refusal, messages.SIGN_IN_WITH_PASSWORD)
    except InputRefused as refusal:
        show_refusal(form, refusal)
        return render(), 422
    except NotAllowed:
        # The account was frozen or closed since; the password says which.
        return redirect(url_for("login.show"), 303)


def _require_flow() -> Flow:
    again = url_for("email_sign_in.show")
    return flows.require_named(flows.opened(flows.EMAIL_SIGN_IN), again=again)


def _parts(flow: Flow) -> tuple[bool, str]:
    """Return whether to stay signed in, and the address, of a flow."""
    remember, _, email = flow.subject.partition(" ")
    return remember == "1", email


def _render_ask(form: AskForm) -> str:
    return render_template("email_sign_in/ask.html", form=form, next=requested_page())


def _render_code(form: CodeForm, flow: Flow) -> str:
    return render_template(
        "email_sign_in/code.html",
        form=form,
        flow=flow,
        email=_parts(flow)[1],
        next=requested_page(),
    )


def _render_elsewhere(form: ElsewhereForm) -> str:
    return render_template("email_sign_in/elsewhere.html", form=form)


@blueprint.errorhandler(TokenRefused)
def _refused(refusal: TokenRefused) -> ResponseReturnValue:
    text = explanations.for_link(refusal)
    return render_template("email_sign_in/refused.html", text=text, next=requested_page()), 410
