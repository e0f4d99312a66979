"""The registration page."""

from http import HTTPStatus

from flask import Blueprint, g, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from authapp.config import INVITATION, current_settings
from authapp.domain import registration
from authapp.errors import InputRefused, TooManyAttempts
from authapp.http.client import client
from authapp.language import tag_of
from authapp.services import register as service
from authapp.web import explanations, login, verify_email
from authapp.web.browser import browser_secret
from authapp.web.forms import RegisterForm, refused_for_now, show_refusal
from authapp.web.navigation import requested_page

blueprint = Blueprint("register", __name__, url_prefix="/register")


@blueprint.get("")
def show() -> ResponseReturnValue:
    """Show the form."""
    if g.identity:
        return redirect(url_for("account.show"))
    if not registration.is_open():
        return _render_closed()
    return _render(RegisterForm())


@blueprint.post("")
def submit() -> ResponseReturnValue:
    """Register; the response is the same whether or not the address already has an account."""
    if not registration.is_open():
        return _render_closed()
    form = RegisterForm()
    if not form.validate():
        return _render(form), 422
    try:
        user_id = service.register(
            form.email.data,
            form.password.data,
            client=client(),
            browser=browser_secret(),
            language=tag_of(get_locale()),
        )
    except InputRefused:
        for refusal in service.refusals(form.email.data, form.password.data):
            show_refusal(form, refusal)
        return _render(form), 422
    except TooManyAttempts as refusal:
        return refused_for_now(form, refusal, _render)
    if asked_for := requested_page():
        session[login.CONTINUE_TO] = asked_for
    flow = verify_email.start_flow(user_id, form.email.data.strip())
    return redirect(url_for("verify_email.show", flow=flow), 303)


def _render(form: RegisterForm) -> str:
    least = current_settings().accounts.password_min_length
    return render_template(
        "register/show.html",
        form=form,
        least=least,
        domains=registration.allowed_domains(),
        next=requested_page(),
    )


def _render_closed() -> ResponseReturnValue:
    by_invitation = current_settings().accounts.registration == INVITATION
    text = explanations.INVITATION_NEEDED if by_invitation else explanations.REGISTRATION_CLOSED
    return render_template("register/closed.html", text=text), HTTPStatus.FORBIDDEN
